#ifndef WEIR_HOST_PIPELINE_FRAME_BATCH_H_
#define WEIR_HOST_PIPELINE_FRAME_BATCH_H_

#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/pipeline/receipt.h"

namespace weir {

// What a peer says of a frame beside it, as a stream does of its messages.
struct FrameNote {
  // When it was sent or stored, nanoseconds since 1970; 0 if it is not said.
  int64_t time_ns = 0;
  // Whether it was handed out before, and may have been handled.
  bool redelivered = false;
};

// What a source read in one go, cut into frames and not yet understood: lines
// of RIS Live, items of a Nakadi batch, payloads of NATS messages. They are
// completed together.
struct FrameBatch {
  // The frames in order, without their framing. Views into memory of the
  // source, valid until FrameSink::Accept returns.
  std::vector<absl::string_view> frames;
  // Where each of them was sent to, such as its NATS subject: as many as
  // frames, or none if the source has no such thing. As long valid.
  std::vector<absl::string_view> subjects;
  // As many as frames, or none in the same way.
  std::vector<FrameNote> notes;
  // When the last byte of them was read, by the host's clock.
  absl::Time received_at;
  // Completed when no handler holds anything of the batch any more.
  Receipt receipt;
};

}  // namespace weir

#endif  // WEIR_HOST_PIPELINE_FRAME_BATCH_H_
