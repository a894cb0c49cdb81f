#include "lib/frames/frame_header.h"

namespace weir::frames {
namespace {

bool FitsHeaderSize(absl::string_view bytes, size_t header_size) {
  size_t messages = 0;
  while (!bytes.empty()) {
    if (bytes.size() < header_size) return messages >= 2;
    const Header header = ReadHeader(bytes.data(), header_size);
    if (!header.terminated || !header.zero_padded || header.length < 0) {
      return false;
    }
    bytes.remove_prefix(header_size);
    const auto length = static_cast<uint64_t>(header.length);
    if (length > bytes.size()) return messages >= 2;
    bytes.remove_prefix(length);
    // Zeros are empty frames of every size, and so say nothing.
    if (length > 0) ++messages;
  }
  return messages > 0;
}

}  // namespace

void WriteHeader(uint64_t length, size_t header_size, char* out) {
  uint64_t rest = length << 1;
  for (size_t i = 0; i < header_size; ++i) {
    const auto low = static_cast<unsigned char>(rest & 0x7f);
    rest >>= 7;
    out[i] = static_cast<char>(rest > 0 ? low | 0x80 : low);
  }
}

Header ReadHeader(const char* header, size_t header_size) {
  Header result;
  uint64_t zigzag = 0;
  size_t at = 0;
  while (at < header_size) {
    const auto byte = static_cast<unsigned char>(header[at]);
    zigzag |= uint64_t{byte & 0x7fu} << (7 * at);
    ++at;
    if (byte < 0x80) {
      result.terminated = true;
      break;
    }
  }
  // As two's complement: the lowest bit says to turn all others over.
  result.length = static_cast<int64_t>((zigzag >> 1) ^ (~(zigzag & 1) + 1));
  result.zero_padded = true;
  for (; at < header_size; ++at) {
    if (header[at] != 0) result.zero_padded = false;
  }
  return result;
}

bool FitsOtherHeaderSize(absl::string_view bytes, size_t header_size) {
  for (size_t other = kShortestHeader; other <= kLongestHeader; ++other) {
    if (other != header_size && FitsHeaderSize(bytes, other)) return true;
  }
  return false;
}

}  // namespace weir::frames
