#include "sim/recording_source.h"

#include <algorithm>
#include <utility>

namespace weir::sim {

RecordingPlan::RecordingPlan(Recording recording, double speed, uint64_t loops)
    : recording(std::move(recording)), loops(loops) {
  if (speed == 0) return;
  at = this->recording.Offsets();
  for (absl::Duration& offset : at) offset /= speed;
}

std::optional<absl::Duration> RecordingSource::NextAt() {
  if (plan_->loops != 0 && loop_ == plan_->loops) return std::nullopt;
  if (plan_->at.empty()) return absl::ZeroDuration();
  return loop_at_ + plan_->at[next_];
}

LineBatch RecordingSource::Take(absl::Duration until, uint64_t max_messages,
                                size_t max_bytes, absl::Time /*now*/) {
  const Recording& recording = plan_->recording;
  const std::vector<absl::Duration>& at = plan_->at;
  size_t end = recording.EndWithin(next_, max_bytes);
  end = next_ + std::min<uint64_t>(end - next_, max_messages);
  if (!at.empty()) {
    end = std::upper_bound(at.begin() + next_, at.begin() + end,
                           until - loop_at_) -
          at.begin();
  }
  const LineBatch batch = {recording.Lines(next_, end), end - next_};
  next_ = end;
  if (next_ == recording.size()) {
    if (!at.empty()) loop_at_ += at.back();
    next_ = 0;
    ++loop_;
  }
  return batch;
}

}  // namespace weir::sim
