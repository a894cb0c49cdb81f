#ifndef WEIR_HOST_STATUS_JSON_TEXT_H_
#define WEIR_HOST_STATUS_JSON_TEXT_H_

#include <string>

#include "absl/strings/string_view.h"

namespace weir {

// Returns `text` as valid UTF-8: unchanged if it is, else with "?" for each
// byte that is not ASCII. What an upstream says may be anything, and neither a
// proto nor an event takes text that is not UTF-8.
std::string ToUtf8(absl::string_view text);

// Returns `text` as a JSON string, with its quotes. It is made valid UTF-8
// first.
std::string ToJsonString(absl::string_view text);

}  // namespace weir

#endif  // WEIR_HOST_STATUS_JSON_TEXT_H_
