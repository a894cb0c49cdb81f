#ifndef WEIR_LIB_FRAMES_FRAME_LIST_H_
#define WEIR_LIB_FRAMES_FRAME_LIST_H_

#include <vector>

#include "absl/strings/string_view.h"

namespace weir::frames {

// Payloads in the order in which they came. A view points into the bytes that
// were fed to the parser or, for a frame that came in pieces, into `joined`: so
// it is valid as long as those bytes are left alone and the list is not
// cleared.
struct FrameList {
  std::vector<absl::string_view> frames;
  // What was put together. A vector's bytes stay where they are when it moves.
  std::vector<std::vector<char>> joined;

  void Clear() {
    frames.clear();
    joined.clear();
  }
};

}  // namespace weir::frames

#endif  // WEIR_LIB_FRAMES_FRAME_LIST_H_
