#ifndef WEIR_HOST_DECODE_TEXT_SCAN_H_
#define WEIR_HOST_DECODE_TEXT_SCAN_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "host/decode/ip_text.h"
#include "host/pipeline/message_writer.h"
#include "weir/message_fields.h"

namespace weir {

// Values of a RIS Live message as the service writes them, without any white
// space, read as text: several times as fast as token by token.
//
// Each function begins at a value and returns what follows it, null if what is
// there is anything else, right or wrong; then read it by a JSON parser. What
// they take is always JSON. The padding behind a line is zero, so none of them
// runs out of it.

// Reads digits to `number`. Null, too, if it is above `max`, which has up to
// ten digits.
inline const char* ScanNumber(const char* at, uint64_t max, uint32_t* number) {
  const char* const begin = at;
  uint64_t value = 0;
  for (unsigned digit; (digit = static_cast<unsigned>(*at - '0')) <= 9; ++at) {
    value = value * 10 + digit;
    if (at - begin == 10) return nullptr;
  }
  if (at == begin || value > max || (*begin == '0' && at - begin > 1)) {
    return nullptr;
  }
  *number = static_cast<uint32_t>(value);
  return at;
}

// Seconds since 1970 with any number of decimals, to nanoseconds. Digits
// behind the ninth are cut off. Null if it is above 9223372035 seconds, whose
// nanoseconds are below 2^63. No floating point: 1789019601.670 has no exact
// double.
inline const char* ScanTimestamp(const char* at, int64_t* ts_ns) {
  constexpr int64_t kMaxSeconds = 9223372035;
  const auto digit = [&] { return static_cast<unsigned>(*at - '0') <= 9; };
  if (!digit()) return nullptr;
  int64_t seconds = 0;
  for (; digit(); ++at) {
    seconds = seconds * 10 + (*at - '0');
    if (seconds > kMaxSeconds) return nullptr;
  }
  int64_t nanos = 0;
  if (*at == '.') {
    ++at;
    if (!digit()) return nullptr;
    for (int64_t unit = 100000000; digit(); ++at, unit /= 10) {
      nanos += unit * (*at - '0');
    }
  }
  *ts_ns = seconds * 1000000000 + nanos;
  return at;
}

// [1,2,3]
inline const char* ScanPath(const char* at, uint32_t* asns, size_t* count) {
  size_t n = 0;
  *count = 0;
  if (*at != '[') return nullptr;
  if (at[1] == ']') return at + 2;
  do {
    at = ScanNumber(at + 1, 0xffffffff, &asns[n]);
    if (at == nullptr) return nullptr;
    ++n;
  } while (*at == ',');
  *count = n;
  return *at == ']' ? at + 1 : nullptr;
}

// [[1,2],[3,4]]
inline const char* ScanCommunities(const char* at, uint32_t* communities,
                                   size_t* count) {
  size_t n = 0;
  *count = 0;
  if (*at != '[') return nullptr;
  if (at[1] == ']') return at + 2;
  do {
    uint32_t asn;
    uint32_t value;
    if (*++at != '[') return nullptr;
    at = ScanNumber(at + 1, 0xffff, &asn);
    if (at == nullptr || *at != ',') return nullptr;
    at = ScanNumber(at + 1, 0xffff, &value);
    if (at == nullptr || *at != ']') return nullptr;
    communities[n++] = asn << 16 | value;
  } while (*++at == ',');
  *count = n;
  return *at == ']' ? at + 1 : nullptr;
}

// ["192.0.2.0/24","2001:db8::/32"]
inline const char* ScanPrefixes(const char* at, uint16_t next_hop,
                                weir_prefix* prefixes, size_t* count) {
  size_t n = 0;
  *count = 0;
  if (*at != '[') return nullptr;
  if (at[1] == ']') return at + 2;
  do {
    if (*++at != '"') return nullptr;
    at = ReadPrefix(at + 1, at + MessageWriter::kPadding, &prefixes[n]);
    if (at == nullptr || *at != '"') return nullptr;
    prefixes[n++].next_hop = next_hop;
  } while (*++at == ',');
  *count = n;
  return *at == ']' ? at + 1 : nullptr;
}

// A string of printable ASCII without escapes. Returns its closing quote; `at`
// is behind the opening one. Eight bytes at once: of each byte below, the
// highest bit says whether there is one to stop at.
inline const char* ScanText(const char* at) {
  constexpr uint64_t kOnes = 0x0101010101010101;
  constexpr uint64_t kHighBits = 0x80 * kOnes;
  const auto zero_bytes = [](uint64_t word) { return (word - kOnes) & ~word; };
  for (;; at += sizeof(uint64_t)) {
    uint64_t word;
    std::memcpy(&word, at, sizeof(word));
    // A borrow makes a wrong stop only above a right one.
    const uint64_t stops =
        (zero_bytes(word ^ ('"' * kOnes)) | zero_bytes(word ^ ('\\' * kOnes)) |
         ((word - 0x20 * kOnes) & ~word) | word) &
        kHighBits;
    if (stops == 0) continue;
    at += __builtin_ctzll(stops) / 8;
    return *at == '"' ? at : nullptr;
  }
}

}  // namespace weir

#endif  // WEIR_HOST_DECODE_TEXT_SCAN_H_
