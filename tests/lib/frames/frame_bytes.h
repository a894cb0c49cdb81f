#ifndef WEIR_TESTS_LIB_FRAMES_FRAME_BYTES_H_
#define WEIR_TESTS_LIB_FRAMES_FRAME_BYTES_H_

#include <cstdint>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "lib/frames/frame_header.h"

namespace weir::frames {

// A frame as a peer with this maximum sends it.
inline std::string FrameOf(absl::string_view payload, uint32_t max = 0) {
  std::string header(HeaderSize(max), '\0');
  WriteHeader(payload.size(), header.size(), header.data());
  return absl::StrCat(header, payload);
}

inline std::string Hex(absl::string_view hex) {
  return absl::HexStringToBytes(hex);
}

}  // namespace weir::frames

#endif  // WEIR_TESTS_LIB_FRAMES_FRAME_BYTES_H_
