#include "cli/plugin_template.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "cli/escape.h"
#include "cli/plugin_template_files.h"

namespace weir::cli {
namespace {

bool MayStandInName(char c) {
  return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '_' ||
         c == '-';
}

// The nearest name to `name` that is one; empty if nothing is left of it.
std::string Suggest(absl::string_view name) {
  std::string suggestion = absl::AsciiStrToLower(name);
  for (char& c : suggestion) {
    if (!MayStandInName(c)) c = '-';
  }
  const size_t begin = suggestion.find_first_not_of("-_");
  if (begin == std::string::npos) return "";
  suggestion = suggestion.substr(begin, kMaxPluginName);
  suggestion.erase(suggestion.find_last_not_of("-_") + 1);
  return suggestion;
}

std::string CamelCase(absl::string_view stem) {
  std::string camel;
  for (absl::string_view word : absl::StrSplit(stem, '_', absl::SkipEmpty())) {
    absl::StrAppend(&camel, std::string(1, absl::ascii_toupper(word[0])),
                    word.substr(1));
  }
  // No identifier begins with a digit.
  return absl::ascii_isdigit(camel[0]) ? absl::StrCat("Plugin", camel) : camel;
}

}  // namespace

absl::StatusOr<PluginNames> MakePluginNames(absl::string_view name) {
  const bool fine = !name.empty() && name.size() <= kMaxPluginName &&
                    name[0] != '-' && name[0] != '_' &&
                    std::all_of(name.begin(), name.end(), MayStandInName);
  if (!fine) {
    std::string complaint = absl::StrCat(
        "\"", Escape(name), "\" is no name of a plugin: 1 to ", kMaxPluginName,
        " of a-z, 0-9, - and _, the first one a letter or a digit");
    const std::string suggestion = Suggest(name);
    if (!suggestion.empty()) {
      absl::StrAppend(&complaint, "; try ", suggestion);
    }
    return absl::InvalidArgumentError(complaint);
  }
  PluginNames names;
  names.id = absl::StrReplaceAll(name, {{"_", "-"}});
  names.stem = absl::StrReplaceAll(name, {{"-", "_"}});
  names.class_name = CamelCase(names.stem);
  return names;
}

std::vector<NewFile> FillPluginTemplate(absl::string_view language,
                                        const PluginNames& names) {
  const std::vector<std::pair<absl::string_view, absl::string_view>> words = {
      {"example-plugin", names.id},
      {"example_plugin", names.stem},
      {"ExamplePlugin", names.class_name}};
  std::vector<NewFile> files;
  for (const PluginTemplateFile& file : PluginTemplateFiles()) {
    if (file.language != language) continue;
    files.push_back({absl::StrReplaceAll(file.path, words),
                     absl::StrReplaceAll(file.text, words)});
  }
  return files;
}

}  // namespace weir::cli
