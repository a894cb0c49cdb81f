#ifndef WEIR_LIB_FRAMES_FRAME_PARSER_H_
#define WEIR_LIB_FRAMES_FRAME_PARSER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/strings/string_view.h"
#include "lib/frames/close_reason.h"
#include "lib/frames/frame_header.h"
#include "lib/frames/frame_list.h"

namespace weir::frames {

struct ParserOptions {
  // Longest payload, bytes; 0 is kDefaultMaxMessageSize. Must be of the same
  // class as the peer's (see frame_header.h), best the same.
  uint32_t max_message_size = 0;
  // Whether frames of length 0 are delivered, as buffstreams 2 does, or only
  // counted, as 1 does.
  bool deliver_empty = true;
  // Whether bytes behind a length that are not zero are a fault, kHeaderClass.
  // No known writer sends any.
  bool require_zero_padding = false;
  // Whether the first piece that came, if it makes no sense, is tried with
  // headers of other sizes, and if it begins as TLS does taken for that, to
  // call the fault by its name. A peer that puts other bytes than zeros behind
  // its lengths goes on unless all of that piece fits another size.
  bool detect_header_class = true;
};

// Cuts the bytes of one connection into frames. A frame that lies whole in the
// bytes that it is fed is not copied; the others are put together in memory
// that grows with what has come, not with what a header promises: at most to
// four times that and twice kLeastSpace.
//
// Not thread-safe.
class FrameParser {
 public:
  static constexpr size_t kLeastSpace = 4096;

  struct Counts {
    uint64_t frames = 0;         // Delivered, empty ones among them.
    uint64_t payload_bytes = 0;  // Of those.
    uint64_t empty_skipped = 0;
    uint64_t odd_padding =
        0;  // Headers with more than zeros behind the length.
  };

  explicit FrameParser(const ParserOptions& options);

  // Appends the frames that end in `bytes` to `out`, whose views point into
  // `bytes` and into `out`. Returns kNone, or the fault, behind the frames
  // before it: kTooLong, kNegative, kUnterminated, kHeaderClass, kTls. There
  // is no way on behind a fault; it is returned from then on.
  CloseReason Feed(absl::string_view bytes, FrameList* out);

  // Where the next bytes of a payload that has begun belong, empty if none has:
  // who reads them there saves a copy. Valid until the next call of another
  // member; then Filled or nothing.
  std::span<char> Space();
  // Says that the first `bytes` of Space, no more, hold what came.
  void Filled(size_t bytes, FrameList* out);

  // What the end of the connection means here: kPeerClosed between two frames,
  // else kTruncatedHeader or kTruncatedBody, or the fault of Feed.
  CloseReason AtEnd() const;

  // Whether a frame has begun and not ended.
  bool in_frame() const { return in_body_ || header_bytes_ > 0; }
  // How many frames have begun, so that a caller can tell one from the next.
  uint64_t begun() const { return begun_; }
  // Length of the payload that has begun; 0 if its header is not whole.
  uint64_t length() const { return in_body_ ? length_ : 0; }

  const Counts& counts() const { return counts_; }
  size_t header_size() const { return header_size_; }

 private:
  // Returns what is wrong with `header`, if it is; `first` is the piece that
  // the connection began with, if that is where it is from.
  CloseReason Check(const Header& header, absl::string_view first);
  void Deliver(absl::string_view payload, FrameList* out);
  // Delivers the payload if it is whole.
  void FinishBody(FrameList* out);

  const ParserOptions options_;
  const uint64_t max_;
  const size_t header_size_;
  std::array<char, kLongestHeader> header_ = {};
  size_t header_bytes_ = 0;  // Of a header that is not whole.
  bool in_body_ = false;
  bool at_beginning_ = true;
  CloseReason fault_ = CloseReason::kNone;
  uint64_t length_ = 0;  // Of the body.
  std::vector<char> body_;
  size_t body_bytes_ = 0;  // Of body_, what has come.
  uint64_t begun_ = 0;
  Counts counts_;
};

}  // namespace weir::frames

#endif  // WEIR_LIB_FRAMES_FRAME_PARSER_H_
