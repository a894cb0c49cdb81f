#ifndef WEIR_SIM_JSON_TEXT_H_
#define WEIR_SIM_JSON_TEXT_H_

#include <string>

#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

namespace weir::sim {

// Returns `text` as a JSON string, quotes included. Bytes from 0x80 on are
// taken for UTF-8 and left alone.
inline std::string JsonText(absl::string_view text) {
  std::string json = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      json.push_back('\\');
      json.push_back(c);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppendFormat(&json, "\\u%04x", c);
    } else {
      json.push_back(c);
    }
  }
  json.push_back('"');
  return json;
}

}  // namespace weir::sim

#endif  // WEIR_SIM_JSON_TEXT_H_
