// Whatever bytes arrive: cut at any places, and read into the parser's own
// space or not, they give the same frames, the same fault and the same counts
// as in one piece; and frames of minimal headers, framed again, are what went
// in. The first byte of the input chooses the cuts, the next four the longest
// message, the sixth the options.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "lib/frames/close_reason.h"
#include "lib/frames/frame_header.h"
#include "lib/frames/frame_parser.h"
#include "tests/lib/frames/feed_piece.h"

namespace {

using weir::frames::CloseReason;
using weir::frames::FrameParser;
using weir::frames::ParserOptions;

struct Cut {
  std::vector<std::string> frames;
  CloseReason fault = CloseReason::kNone;
  CloseReason at_end = CloseReason::kNone;
  FrameParser::Counts counts;
};

Cut CutInPieces(absl::string_view bytes, const ParserOptions& options,
                size_t piece, bool by_space) {
  FrameParser parser(options);
  Cut cut;
  size_t fed = 0;
  while (!bytes.empty() && cut.fault == CloseReason::kNone) {
    // Memory for what has come, not for what was promised.
    if (by_space &&
        parser.Space().size() > std::max(FrameParser::kLeastSpace, fed)) {
      std::abort();
    }
    piece = std::min(piece, bytes.size());
    cut.fault = weir::frames::FeedPiece(&parser, bytes.substr(0, piece),
                                        by_space, &cut.frames);
    fed += piece;
    bytes.remove_prefix(piece);
    piece = piece % 13 + 1;
  }
  cut.at_end = parser.AtEnd();
  cut.counts = parser.counts();
  return cut;
}

bool Same(const Cut& a, const Cut& b) {
  return a.frames == b.frames && a.fault == b.fault && a.at_end == b.at_end &&
         a.counts.frames == b.counts.frames &&
         a.counts.payload_bytes == b.counts.payload_bytes &&
         a.counts.empty_skipped == b.counts.empty_skipped &&
         a.counts.odd_padding == b.counts.odd_padding;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 6) return 0;
  const size_t piece = data[0] + size_t{1};
  ParserOptions options;
  std::memcpy(&options.max_message_size, data + 1, 4);
  options.deliver_empty = (data[5] & 1) != 0;
  options.require_zero_padding = (data[5] & 2) != 0;
  const absl::string_view bytes(reinterpret_cast<const char*>(data) + 6,
                                size - 6);
  // Looks at the first piece, so how it is cut matters there.
  options.detect_header_class = true;
  const Cut named = CutInPieces(bytes, options, bytes.size() + 1, false);
  options.detect_header_class = false;

  const Cut whole = CutInPieces(bytes, options, bytes.size() + 1, false);
  if (!Same(whole, CutInPieces(bytes, options, piece, false))) std::abort();
  if (!Same(whole, CutInPieces(bytes, options, piece, true))) std::abort();
  if (named.fault == CloseReason::kNone && !Same(whole, named)) std::abort();
  if (named.frames.size() > whole.frames.size()) std::abort();

  const uint64_t max = weir::frames::OrDefault(options.max_message_size);
  const size_t header_size = weir::frames::HeaderSize(options.max_message_size);
  std::string again;
  for (const std::string& frame : whole.frames) {
    if (frame.size() > max || (frame.empty() && !options.deliver_empty)) {
      std::abort();
    }
    std::string header(header_size, '\0');
    weir::frames::WriteHeader(frame.size(), header_size, header.data());
    again += header;
    again += frame;
  }
  const Cut round = CutInPieces(again, options, piece, true);
  if (round.frames != whole.frames || round.fault != CloseReason::kNone ||
      round.at_end != CloseReason::kPeerClosed) {
    std::abort();
  }
  return 0;
}
