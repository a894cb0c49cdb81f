#ifndef WEIR_SIM_RECORDING_SOURCE_H_
#define WEIR_SIM_RECORDING_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "sim/line_source.h"
#include "sim/recording.h"

namespace weir::sim {

// A recording and how it is to be served, shared by all clients. Immutable.
struct RecordingPlan {
  // `speed` times as fast as it was recorded; 0: as fast as it goes. `loops`
  // times over; 0: for ever.
  RecordingPlan(Recording recording, double speed, uint64_t loops);

  Recording recording;
  uint64_t loops;
  std::vector<absl::Duration> at;  // By line; empty if as fast as it goes.
};

// The lines of a recording, byte for byte. A loop begins anew with the very
// same lines, so timestamps and ids repeat.
class RecordingSource final : public LineSource {
 public:
  explicit RecordingSource(std::shared_ptr<const RecordingPlan> plan)
      : plan_(std::move(plan)) {}

  std::optional<absl::Duration> NextAt() override;
  LineBatch Take(absl::Duration until, uint64_t max_messages, size_t max_bytes,
                 absl::Time now) override;

 private:
  const std::shared_ptr<const RecordingPlan> plan_;
  uint64_t loop_ = 0;
  size_t next_ = 0;         // Line of the recording.
  absl::Duration loop_at_;  // Where this loop began.
};

}  // namespace weir::sim

#endif  // WEIR_SIM_RECORDING_SOURCE_H_
