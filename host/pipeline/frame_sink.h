#ifndef WEIR_HOST_PIPELINE_FRAME_SINK_H_
#define WEIR_HOST_PIPELINE_FRAME_SINK_H_

#include "host/pipeline/frame_batch.h"

namespace weir {

// The seam between reading and understanding: a Streamer puts frames in, the
// DecodeStage of that source takes them. Each source has a sink of its own, so
// an implementation is called by one thread at a time.
class FrameSink {
 public:
  virtual ~FrameSink() = default;

  // Takes the frames of `batch` and its receipt; leaves `batch.frames` to the
  // caller, who may reuse the vector. Blocks while a handler with the policy
  // `block` is full: that is how its pressure reaches the source's socket.
  virtual void Accept(FrameBatch& batch) = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_PIPELINE_FRAME_SINK_H_
