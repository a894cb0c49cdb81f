#include "plugins/support/json_text.h"

#include <array>
#include <cstdio>

namespace weir {

void JsonText::Quote(std::string_view text) {
  text_ += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      text_ += '\\';
      text_ += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      std::array<char, 8> escaped;
      std::snprintf(escaped.data(), escaped.size(), "\\u%04x",
                    static_cast<unsigned>(c));
      text_ += escaped.data();
    } else {
      text_ += c;
    }
  }
  text_ += '"';
}

}  // namespace weir
