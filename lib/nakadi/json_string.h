#ifndef WEIR_LIB_NAKADI_JSON_STRING_H_
#define WEIR_LIB_NAKADI_JSON_STRING_H_

#include <string>

#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

namespace weir::nakadi {

// Returns `text`, UTF-8, as a JSON string with its quotes.
inline std::string JsonString(absl::string_view text) {
  std::string json = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      json.push_back('\\');
      json.push_back(c);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppendFormat(&json, "\\u%04x", static_cast<unsigned char>(c));
    } else {
      json.push_back(c);
    }
  }
  json.push_back('"');
  return json;
}

}  // namespace weir::nakadi

#endif  // WEIR_LIB_NAKADI_JSON_STRING_H_
