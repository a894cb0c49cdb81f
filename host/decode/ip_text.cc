#include "host/decode/ip_text.h"

#include <array>
#include <cstring>

#include "absl/base/attributes.h"

namespace weir {
namespace {

constexpr unsigned kNoDigit = 0xff;
constexpr int kGroups = 8;  // Of 16 bits each.

constexpr std::array<uint8_t, 256> MakeHexDigits() {
  std::array<uint8_t, 256> digits = {};
  for (uint8_t& digit : digits) digit = kNoDigit;
  for (int i = 0; i < 10; ++i) digits['0' + i] = static_cast<uint8_t>(i);
  for (int i = 0; i < 6; ++i) {
    digits['a' + i] = digits['A' + i] = static_cast<uint8_t>(10 + i);
  }
  return digits;
}

constexpr std::array<uint8_t, 256> kHexDigits = MakeHexDigits();

// Reads a decimal number of at most three digits without leading zeros. Returns
// what follows it, null if there is none or it is above `max`.
inline ABSL_ATTRIBUTE_ALWAYS_INLINE const char* ReadSmallNumber(
    const char* text, const char* end, unsigned max, unsigned* number) {
  if (text == end) return nullptr;
  unsigned value = static_cast<unsigned>(*text - '0');
  if (value > 9) return nullptr;
  ++text;
  if (value != 0) {
    for (int i = 0; i < 2 && text != end; ++i, ++text) {
      const unsigned digit = static_cast<unsigned>(*text - '0');
      if (digit > 9) break;
      value = value * 10 + digit;
    }
  }
  *number = value;
  return value <= max ? text : nullptr;
}

// The groups of an IPv6 address as they stand in its text.
struct Groups {
  std::array<uint16_t, kGroups> values;
  int count = 0;
  int gap = -1;  // How many stand before "::"; -1 if there is none.

  // Writes the 16 bytes. Returns whether there are neither too many nor too
  // few: "::" stands for one group or more.
  bool Store(uint8_t* bytes) const {
    if (gap < 0 ? count != kGroups : count >= kGroups) return false;
    const int head = gap < 0 ? kGroups : gap;
    const int zeros = kGroups - count;
    std::memset(bytes, 0, 16);
    for (int i = 0; i < count; ++i) {
      const int at = i < head ? i : i + zeros;
      bytes[2 * at] = static_cast<uint8_t>(values[i] >> 8);
      bytes[2 * at + 1] = static_cast<uint8_t>(values[i]);
    }
    return true;
  }
};

// Takes the dotted IPv4 address at `text` as the last two groups.
const char* ReadDottedEnd(const char* text, const char* end, Groups* groups) {
  uint8_t bytes[4];
  text = ReadIpv4(text, end, bytes);
  if (text == nullptr || groups->count > kGroups - 2) return nullptr;
  for (const int at : {0, 2}) {
    groups->values[groups->count++] =
        static_cast<uint16_t>(bytes[at] << 8 | bytes[at + 1]);
  }
  return text;
}

// Clears the bits of `bytes`, `size` of them, from `length` on.
void ClearFrom(int length, int size, uint8_t* bytes) {
  int at = length / 8;
  if (at < size && length % 8 != 0) {
    bytes[at++] &= static_cast<uint8_t>(0xff00 >> (length % 8));
  }
  for (; at < size; ++at) bytes[at] = 0;
}

}  // namespace

const char* ReadIpv4(const char* text, const char* end, uint8_t* bytes) {
  for (int i = 0; i < 4; ++i) {
    unsigned number;
    if (i > 0 && (text == end || *text++ != '.')) return nullptr;
    text = ReadSmallNumber(text, end, 255, &number);
    if (text == nullptr) return nullptr;
    bytes[i] = static_cast<uint8_t>(number);
  }
  return text;
}

const char* ReadIpv6(const char* text, const char* end, uint8_t* bytes) {
  Groups groups;
  if (end - text >= 2 && text[0] == ':' && text[1] == ':') {
    groups.gap = 0;
    text += 2;
  }
  while (groups.count < kGroups) {
    const char* const begin = text;
    unsigned value = 0;
    for (; text != end && text - begin < 4; ++text) {
      const unsigned digit = kHexDigits[static_cast<uint8_t>(*text)];
      if (digit == kNoDigit) break;
      value = value << 4 | digit;
    }
    if (text == begin) {
      if (groups.gap != groups.count) return nullptr;
      break;  // Nothing follows "::".
    }
    if (text != end && *text == '.') {
      text = ReadDottedEnd(begin, end, &groups);
      if (text == nullptr) return nullptr;
      break;
    }
    groups.values[groups.count++] = static_cast<uint16_t>(value);
    if (text == end || *text != ':') break;
    if (groups.count == kGroups) return nullptr;
    ++text;
    if (text != end && *text == ':') {
      if (groups.gap >= 0) return nullptr;
      groups.gap = groups.count;
      ++text;
    }
  }
  return groups.Store(bytes) ? text : nullptr;
}

const char* ReadAddress(const char* text, const char* end,
                        weir_address* address) {
  *address = {};
  address->family = 4;
  // What is IPv6 shows it within the first five characters.
  if (const char* rest = ReadIpv4(text, end, address->bytes)) return rest;
  address->family = 6;
  return ReadIpv6(text, end, address->bytes);
}

const char* ReadPrefix(const char* text, const char* end, weir_prefix* prefix) {
  std::memset(prefix, 0, sizeof(*prefix));
  prefix->next_hop = WEIR_NO_NEXT_HOP;
  unsigned size = 4;
  const char* rest = ReadIpv4(text, end, prefix->bytes);
  if (rest == nullptr) {
    size = 16;
    rest = ReadIpv6(text, end, prefix->bytes);
  }
  if (rest == nullptr || rest == end || *rest != '/') return nullptr;
  unsigned length;
  rest = ReadSmallNumber(rest + 1, end, size * 8, &length);
  if (rest == nullptr) return nullptr;
  prefix->family = size == 4 ? 4 : 6;
  prefix->length = static_cast<uint8_t>(length);
  ClearFrom(static_cast<int>(length), static_cast<int>(size), prefix->bytes);
  return rest;
}

}  // namespace weir
