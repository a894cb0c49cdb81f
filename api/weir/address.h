#ifndef WEIR_ADDRESS_H_
#define WEIR_ADDRESS_H_

#include <arpa/inet.h>
#include <netinet/in.h>

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "weir/message_fields.h"

namespace weir::bgp {

// An IPv4 or IPv6 address. A value: 17 bytes, compared as (family, bytes).
// Immutable.
class Address {
 public:
  // 0.0.0.0.
  constexpr Address() = default;

  // `family` is 4 or 6; `bytes` has 4 or 16 bytes, in network order.
  Address(int family, const uint8_t* bytes)
      : family_(static_cast<uint8_t>(family)) {
    std::memcpy(bytes_.data(), bytes, family == 4 ? 4 : 16);
  }
  explicit Address(const weir_address& address)
      : Address(address.family, address.bytes) {}

  // Reads "192.0.2.1" or "2001:db8::1": what inet_pton takes, and so no
  // leading zeros in IPv4, no brackets, no zone. Returns nullopt for anything
  // else.
  static std::optional<Address> Parse(std::string_view text) {
    // inet_pton wants a NUL behind it, and would stop at one within.
    std::array<char, INET6_ADDRSTRLEN> copy = {};
    if (text.empty() || text.size() >= copy.size() ||
        text.find('\0') != std::string_view::npos) {
      return std::nullopt;
    }
    std::memcpy(copy.data(), text.data(), text.size());
    Address address;
    const bool v6 = text.find(':') != std::string_view::npos;
    address.family_ = v6 ? 6 : 4;
    if (inet_pton(v6 ? AF_INET6 : AF_INET, copy.data(),
                  address.bytes_.data()) != 1) {
      return std::nullopt;
    }
    return address;
  }

  int family() const { return family_; }  // 4 or 6.
  // In network order; 4 of them for IPv4, and then twelve zeros.
  const std::array<uint8_t, 16>& bytes() const { return bytes_; }

  // Dotted, or as RFC 5952 has it: lower case, the longest run of zeros as
  // "::". What inet_ntop makes of it.
  std::string ToString() const {
    std::array<char, INET6_ADDRSTRLEN> text;
    return inet_ntop(family_ == 4 ? AF_INET : AF_INET6, bytes_.data(),
                     text.data(), text.size());
  }

  // NOLINTNEXTLINE(modernize-use-nullptr): the comparison that it generates.
  friend auto operator<=>(const Address&, const Address&) = default;

 private:
  uint8_t family_ = 4;
  std::array<uint8_t, 16> bytes_ = {};
};

namespace internal {

// Mixes 128 bits and a number into a hash. Good enough for tables of addresses,
// whose entropy is all in a few bytes in the middle; not against an adversary.
inline size_t HashBits(const uint8_t* bytes, uint64_t seed) {
  uint64_t high = 0;
  uint64_t low = 0;
  std::memcpy(&high, bytes, sizeof(high));
  std::memcpy(&low, bytes + sizeof(high), sizeof(low));
  // The finalizer of MurmurHash3, over the two halves in turn.
  const auto mix = [](uint64_t x) {
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdULL;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53ULL;
    return x ^ (x >> 33);
  };
  return mix(mix(high + seed) ^ low);
}

}  // namespace internal
}  // namespace weir::bgp

template <>
struct std::hash<weir::bgp::Address> {
  size_t operator()(const weir::bgp::Address& address) const {
    return weir::bgp::internal::HashBits(
        address.bytes().data(), static_cast<uint64_t>(address.family()));
  }
};

#endif  // WEIR_ADDRESS_H_
