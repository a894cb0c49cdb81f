#ifndef WEIR_LIB_FRAMES_FRAME_HEADER_H_
#define WEIR_LIB_FRAMES_FRAME_HEADER_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace weir::frames {

// A frame of buffstreams is a header and a payload of N bytes. The header has H
// bytes, the same for all frames of a connection; both ends get H from the
// longest message that they agreed on and do not say on the wire. In it lies N,
// doubled (a zig-zag number, so that the lowest bit is the sign), in groups of
// 7 bits, the lowest first, bit 7 of each but the last set; then zeros.
//
//   longest message     up to 255   65535    16777215   2^32 - 1
//   H                   2           3        4          5

// What a maximum of 0 means.
inline constexpr uint32_t kDefaultMaxMessageSize = 4096;

inline constexpr size_t kShortestHeader = 2;
inline constexpr size_t kLongestHeader = 5;

// Returns `max_message_size`, or the default if it is 0.
constexpr uint32_t OrDefault(uint32_t max_message_size) {
  return max_message_size == 0 ? kDefaultMaxMessageSize : max_message_size;
}

// Returns H for the longest message, 0 being the default.
constexpr size_t HeaderSize(uint32_t max_message_size) {
  size_t bytes = 1;
  for (uint32_t rest = OrDefault(max_message_size) >> 8; rest > 0; rest >>= 8) {
    ++bytes;
  }
  return bytes + 1;
}

// Returns the greatest N that fits into a header of so many bytes. It is more
// than the longest message of any maximum that has such headers.
constexpr uint64_t GreatestLength(size_t header_size) {
  return (uint64_t{1} << (7 * header_size - 1)) - 1;
}

// Writes the header of a payload of `length` bytes, at most
// GreatestLength(header_size), to `out`, which has room for `header_size`.
void WriteHeader(uint64_t length, size_t header_size, char* out);

// What a header says.
struct Header {
  int64_t length = 0;
  // Whether the number ends inside the header. If not, `length` means nothing.
  bool terminated = false;
  // Whether only zeros follow it there, as all known writers have it. A reader
  // looks past what follows.
  bool zero_padded = false;
};

// Reads a header of `header_size` bytes. Numbers that are longer than need be
// are as good as others.
Header ReadHeader(const char* header, size_t header_size);

// Returns whether `bytes`, the beginning of a connection, make sense with
// headers of another size than `header_size`: all of it is whole frames, with
// nothing but zeros behind their lengths, or begins with two such frames. For
// bytes that make no sense with `header_size`: who reads the logs then learns
// that two maximums do not go together.
bool FitsOtherHeaderSize(absl::string_view bytes, size_t header_size);

}  // namespace weir::frames

#endif  // WEIR_LIB_FRAMES_FRAME_HEADER_H_
