#ifndef WEIR_PREFIX_H_
#define WEIR_PREFIX_H_

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "weir/address.h"
#include "weir/message_fields.h"

namespace weir::bgp {

// A CIDR block, such as 192.0.2.0/24. A value; always canonical: the bits after
// its length are 0, so that equal blocks are equal bytes. It has no next hop:
// that belongs to the message that announced it. Immutable.
class Prefix {
 public:
  // 0.0.0.0/0.
  Prefix() = default;

  // What a message says, which is canonical already.
  explicit Prefix(const weir_prefix& prefix) : raw_(prefix) {
    raw_.next_hop = WEIR_NO_NEXT_HOP;
  }

  // The first `length` bits of `address`; a length beyond the family's 32 or
  // 128 is cut to it.
  Prefix(const Address& address, int length) {
    const int bits = address.family() == 4 ? 32 : 128;
    raw_.family = static_cast<uint8_t>(address.family());
    raw_.length = static_cast<uint8_t>(length < bits ? length : bits);
    for (int i = 0; i < bits / 8; ++i) {
      const int keep = raw_.length - 8 * i;
      if (keep <= 0) break;
      const int mask = keep >= 8 ? 0xff : 0xff << (8 - keep);
      raw_.bytes[i] = static_cast<uint8_t>(address.bytes()[i] & mask);
    }
  }

  // Reads "192.0.2.0/24" or "2001:db8::/32"; the length must be there. Returns
  // nullopt for anything else, also for a block that has bits set after its
  // length, since whoever wrote that meant another block or an address. `why`,
  // if not null, is then told what is wrong and what would be right.
  static std::optional<Prefix> Parse(std::string_view text,
                                     std::string* why = nullptr) {
    const auto refuse = [&](std::string reason) -> std::optional<Prefix> {
      if (why != nullptr) {
        *why = '"' + std::string(text) + "\": " + std::move(reason);
      }
      return std::nullopt;
    };
    const size_t slash = text.find('/');
    if (slash == std::string_view::npos) {
      return refuse("no length; write it as 192.0.2.0/24");
    }
    const auto address = Address::Parse(text.substr(0, slash));
    if (!address) return refuse("not an IPv4 or IPv6 address before the slash");
    const int bits = address->family() == 4 ? 32 : 128;
    const std::string_view digits = text.substr(slash + 1);
    int length = -1;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), length);
    if (error != std::errc() || end != digits.data() + digits.size() ||
        length < 0 || length > bits ||
        (digits.size() > 1 && digits[0] == '0')) {
      return refuse("the length must be a number from 0 to " +
                    std::to_string(bits));
    }
    const Prefix prefix(*address, length);
    if (prefix.address() != *address) {
      return refuse("bits are set after the length; did you mean " +
                    prefix.ToString());
    }
    return prefix;
  }

  int family() const { return raw_.family; }  // 4 or 6.
  int length() const { return raw_.length; }  // 0-32 or 0-128.
  Address address() const { return Address(raw_.family, raw_.bytes); }
  // For Event::prefixes.
  const weir_prefix& raw() const { return raw_; }

  // Whether `other` is this block or one inside of it. Families never cover
  // each other.
  bool Covers(const Prefix& other) const {
    return raw_.family == other.raw_.family &&
           raw_.length <= other.raw_.length &&
           SameBits(other.raw_.bytes, raw_.length);
  }

  bool Contains(const Address& address) const {
    return raw_.family == address.family() &&
           SameBits(address.bytes().data(), raw_.length);
  }

  // The bit that is `index` bits from the left.
  int Bit(int index) const {
    return raw_.bytes[index / 8] >> (7 - index % 8) & 1;
  }

  // How many bits this block and `other` begin with alike, at most the length
  // of the shorter one. Both are of one family.
  int CommonLength(const Prefix& other) const {
    const int limit =
        raw_.length < other.raw_.length ? raw_.length : other.raw_.length;
    const uint64_t high = Half(raw_.bytes) ^ Half(other.raw_.bytes);
    if (high != 0) return Min(limit, __builtin_clzll(high));
    const uint64_t low = Half(raw_.bytes + 8) ^ Half(other.raw_.bytes + 8);
    return low == 0 ? limit : Min(limit, 64 + __builtin_clzll(low));
  }

  // "192.0.2.0/24"; the address as Address::ToString has it.
  std::string ToString() const {
    return address().ToString() + '/' + std::to_string(raw_.length);
  }

  friend bool operator==(const Prefix& a, const Prefix& b) {
    return a.raw_.family == b.raw_.family && a.raw_.length == b.raw_.length &&
           std::memcmp(a.raw_.bytes, b.raw_.bytes, sizeof(a.raw_.bytes)) == 0;
  }

 private:
  static int Min(int a, int b) { return a < b ? a : b; }

  // Eight bytes in network order, as a number.
  static uint64_t Half(const uint8_t* bytes) {
    uint64_t half = 0;
    std::memcpy(&half, bytes, sizeof(half));
    return __builtin_bswap64(half);
  }

  // Whether `bytes` begin with the first `length` bits of this block.
  bool SameBits(const uint8_t* bytes, int length) const {
    if (length == 0) return true;
    const uint64_t high = Half(raw_.bytes) ^ Half(bytes);
    if (length <= 64) return high >> (64 - length) == 0;
    if (high != 0) return false;
    return (Half(raw_.bytes + 8) ^ Half(bytes + 8)) >> (128 - length) == 0;
  }

  weir_prefix raw_ = {4, 0, WEIR_NO_NEXT_HOP, {}};
};

// Little-endian machines only, like every machine that weir is built for.
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);

}  // namespace weir::bgp

template <>
struct std::hash<weir::bgp::Prefix> {
  size_t operator()(const weir::bgp::Prefix& prefix) const {
    return weir::bgp::internal::HashBits(
        prefix.raw().bytes,
        static_cast<uint64_t>(prefix.family() << 8 | prefix.length()));
  }
};

#endif  // WEIR_PREFIX_H_
