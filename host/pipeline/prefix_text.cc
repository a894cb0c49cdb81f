#include "host/pipeline/prefix_text.h"

#include <arpa/inet.h>

#include <array>
#include <cstdint>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace weir {

std::optional<weir_prefix> ParsePrefix(absl::string_view text) {
  const size_t slash = text.find('/');
  // The longest address has 45 characters; no slash is far behind.
  if (slash > 45) return std::nullopt;
  const std::string address(text.substr(0, slash));
  const absl::string_view digits = text.substr(slash + 1);
  uint32_t length = 0;
  if (digits.empty() || digits.size() > 3 ||
      digits.find_first_not_of("0123456789") != digits.npos ||
      (digits[0] == '0' && digits.size() > 1) ||
      !absl::SimpleAtoi(digits, &length) ||
      address.find('\0') != address.npos) {
    return std::nullopt;
  }
  weir_prefix prefix = {};
  prefix.family = address.find(':') == address.npos ? 4 : 6;
  prefix.next_hop = WEIR_NO_NEXT_HOP;
  if (length > (prefix.family == 4 ? 32u : 128u)) return std::nullopt;
  prefix.length = static_cast<uint8_t>(length);
  if (inet_pton(prefix.family == 4 ? AF_INET : AF_INET6, address.c_str(),
                prefix.bytes) != 1) {
    return std::nullopt;
  }
  return prefix;
}

std::string PrefixText(const weir_prefix& prefix) {
  std::array<char, INET6_ADDRSTRLEN> text = {};
  inet_ntop(prefix.family == 4 ? AF_INET : AF_INET6, prefix.bytes, text.data(),
            text.size());
  return absl::StrCat(text.data(), "/", static_cast<int>(prefix.length));
}

}  // namespace weir
