#include "runner/check/module_words.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace weir {

absl::StatusOr<std::string> ReadModuleWords(
    const std::vector<std::string>& words, absl::string_view mode,
    const std::function<absl::Status(absl::string_view)>& take_option) {
  std::string module;
  for (const std::string& word : words) {
    if (absl::StartsWith(word, "--")) {
      const absl::Status taken = take_option(word);
      if (!taken.ok()) return taken;
    } else if (module.empty()) {
      module = word;
    } else {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", word, "\" is a second module; give one"));
    }
  }
  if (module.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(mode, " takes the file of a plugin"));
  }
  return module;
}

std::string NameOfModule(const std::string& module) {
  return module.substr(module.rfind('/') + 1);
}

}  // namespace weir
