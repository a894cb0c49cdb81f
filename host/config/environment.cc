#include "host/config/environment.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"

namespace weir {
namespace {

bool IsVariableName(absl::string_view name) {
  return !name.empty() && !absl::ascii_isdigit(name[0]) &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return absl::ascii_isalnum(c) || c == '_';
         });
}

// Takes "${NAME}" off the front of `*rest`, which begins with "${".
absl::StatusOr<std::string> TakeVariable(absl::string_view* rest,
                                         const Environment& environment) {
  const size_t end = rest->find('}');
  if (end == absl::string_view::npos) {
    return absl::InvalidArgumentError(
        "\"${\" without a \"}\"; write \"$${\" for the two characters");
  }
  const absl::string_view name = rest->substr(2, end - 2);
  rest->remove_prefix(end + 1);
  if (!IsVariableName(name)) {
    return absl::InvalidArgumentError(
        "\"${...}\" takes the name of an environment variable and nothing "
        "else: letters, digits and \"_\"; write \"$${\" for the two "
        "characters");
  }
  std::optional<std::string> value;
  if (environment.variable) value = environment.variable(name);
  if (!value.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the environment variable ", name,
                     " is not set; set it for weir-host"));
  }
  return *std::move(value);
}

}  // namespace

absl::StatusOr<std::string> Expand(absl::string_view text,
                                   const Environment& environment) {
  std::string expanded;
  while (!text.empty()) {
    const size_t dollar = std::min(text.find('$'), text.size());
    expanded.append(text.data(), dollar);
    text.remove_prefix(dollar);
    if (absl::ConsumePrefix(&text, "$${")) {
      expanded += "${";
    } else if (absl::StartsWith(text, "${")) {
      absl::StatusOr<std::string> value = TakeVariable(&text, environment);
      if (!value.ok()) return value.status();
      expanded += *value;
    } else if (!text.empty()) {
      expanded.push_back('$');
      text.remove_prefix(1);
    }
  }
  return expanded;
}

std::string Unexpand(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"${", "$${"}});
}

}  // namespace weir
