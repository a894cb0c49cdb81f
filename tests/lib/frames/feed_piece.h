#ifndef WEIR_TESTS_LIB_FRAMES_FEED_PIECE_H_
#define WEIR_TESTS_LIB_FRAMES_FEED_PIECE_H_

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "lib/frames/close_reason.h"
#include "lib/frames/frame_list.h"
#include "lib/frames/frame_parser.h"

namespace weir::frames {

// Feeds one piece, the beginning of it through Space if `by_space` and there is
// any, and appends copies of the frames that end in it. The piece is memory of
// its own, so that a view that outlives it is found out.
inline CloseReason FeedPiece(FrameParser* parser, absl::string_view piece,
                             bool by_space, std::vector<std::string>* frames) {
  const std::vector<char> copy(piece.begin(), piece.end());
  absl::string_view rest(copy.data(), copy.size());
  FrameList list;
  if (by_space) {
    const std::span<char> space = parser->Space();
    const size_t filled = std::min(space.size(), rest.size());
    std::copy_n(rest.begin(), filled, space.begin());
    parser->Filled(filled, &list);
    rest.remove_prefix(filled);
  }
  const CloseReason fault = parser->Feed(rest, &list);
  for (const absl::string_view frame : list.frames) {
    frames->emplace_back(frame);
  }
  return fault;
}

}  // namespace weir::frames

#endif  // WEIR_TESTS_LIB_FRAMES_FEED_PIECE_H_
