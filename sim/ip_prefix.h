#ifndef WEIR_SIM_IP_PREFIX_H_
#define WEIR_SIM_IP_PREFIX_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace weir::sim {

// An IPv4 or IPv6 prefix, or with the full length an address. A plain value;
// host bits below the length are zero.
struct IpPrefix {
  // Reads "192.0.2.0/24", "2001:db8::/32" or an address without a length.
  // Returns nothing for any other text and for a length beyond 32 or 128. Host
  // bits are cleared.
  static std::optional<IpPrefix> Parse(absl::string_view text);

  // As Parse, for text that is written in the program.
  static IpPrefix Of(absl::string_view text);

  // "192.0.2.0/24", "2001:db8::/32" (RFC 5952).
  std::string ToString() const;

  // The same, but IPv6 as RIS Live writes withdrawals, in the long form of
  // Java's Inet6Address: "2001:db8:0:0:0:0:0:0/32".
  std::string ToLongString() const;

  // The address alone, RFC 5952.
  std::string Address() const;

  // Whether `other` is this prefix or a more specific one of it.
  bool Covers(const IpPrefix& other) const;

  bool operator==(const IpPrefix& other) const = default;

  bool is_v6 = false;
  std::array<uint8_t, 16> bytes = {};  // IPv4 uses the first four.
  int length = 0;                      // 0 to 32, or to 128 for IPv6.
};

}  // namespace weir::sim

#endif  // WEIR_SIM_IP_PREFIX_H_
