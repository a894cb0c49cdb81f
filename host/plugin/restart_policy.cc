#include "host/plugin/restart_policy.h"

#include <algorithm>

namespace weir {

std::optional<absl::Duration> RestartPolicy::OnCrash(absl::Time started,
                                                     absl::Time now) {
  if (now - started >= kHealthy) next_ = absl::ZeroDuration();
  crashes_.push_back(now);
  while (crashes_.front() < now - kWindow) crashes_.pop_front();
  if (max_crashes_ > 0 && crashes_.size() > max_crashes_) return std::nullopt;
  const absl::Duration delay = next_;
  next_ = std::clamp(2 * delay, kFirstDelay, kMaxDelay);
  std::uniform_real_distribution<double> factor(1 - kJitter, 1 + kJitter);
  return absl::Trunc(delay * factor(random_), absl::Milliseconds(1));
}

bool RestartPolicy::IsSameMessageAgain(const std::string& fingerprint,
                                       absl::Time now) {
  if (max_crashes_ == 0) return false;
  std::erase_if(by_fingerprint_, [&](const auto& entry) {
    return entry.second.back() < now - kSameMessageWindow;
  });
  std::deque<absl::Time>& deaths = by_fingerprint_[fingerprint];
  deaths.push_back(now);
  while (deaths.front() < now - kSameMessageWindow) deaths.pop_front();
  return deaths.size() >= kSameMessage;
}

void RestartPolicy::Reset() {
  crashes_.clear();
  by_fingerprint_.clear();
  next_ = absl::ZeroDuration();
}

uint32_t RestartPolicy::Crashes(absl::Time now) const {
  return static_cast<uint32_t>(
      std::count_if(crashes_.begin(), crashes_.end(),
                    [&](absl::Time time) { return time >= now - kWindow; }));
}

}  // namespace weir
