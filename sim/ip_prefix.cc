#include "sim/ip_prefix.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <algorithm>
#include <cassert>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace weir::sim {
namespace {

// Keeps the first `length` bits.
void ClearHostBits(int length, std::array<uint8_t, 16>& bytes) {
  for (int i = 0; i < 16; ++i) {
    const int kept = std::clamp(length - 8 * i, 0, 8);
    bytes[i] &= static_cast<uint8_t>(0xFF00 >> kept);
  }
}

}  // namespace

std::optional<IpPrefix> IpPrefix::Parse(absl::string_view text) {
  const size_t slash = text.find('/');
  const std::string address(text.substr(0, slash));
  IpPrefix prefix;
  prefix.is_v6 = address.find(':') != std::string::npos;
  const int family = prefix.is_v6 ? AF_INET6 : AF_INET;
  if (inet_pton(family, address.c_str(), prefix.bytes.data()) != 1) {
    return std::nullopt;
  }
  const int longest = prefix.is_v6 ? 128 : 32;
  prefix.length = longest;
  if (slash != absl::string_view::npos &&
      (!absl::SimpleAtoi(text.substr(slash + 1), &prefix.length) ||
       prefix.length < 0 || prefix.length > longest)) {
    return std::nullopt;
  }
  ClearHostBits(prefix.length, prefix.bytes);
  return prefix;
}

IpPrefix IpPrefix::Of(absl::string_view text) {
  const std::optional<IpPrefix> prefix = Parse(text);
  assert(prefix.has_value());
  return *prefix;
}

std::string IpPrefix::Address() const {
  char text[INET6_ADDRSTRLEN];
  inet_ntop(is_v6 ? AF_INET6 : AF_INET, bytes.data(), text, sizeof(text));
  return text;
}

std::string IpPrefix::ToString() const {
  return absl::StrCat(Address(), "/", length);
}

std::string IpPrefix::ToLongString() const {
  if (!is_v6) return ToString();
  std::string text;
  for (int i = 0; i < 16; i += 2) {
    absl::StrAppendFormat(&text, "%s%x", i == 0 ? "" : ":",
                          bytes[i] << 8 | bytes[i + 1]);
  }
  return absl::StrCat(text, "/", length);
}

bool IpPrefix::Covers(const IpPrefix& other) const {
  if (is_v6 != other.is_v6 || length > other.length) return false;
  std::array<uint8_t, 16> cut = other.bytes;
  ClearHostBits(length, cut);
  return cut == bytes;
}

}  // namespace weir::sim
