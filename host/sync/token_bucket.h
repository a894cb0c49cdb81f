#ifndef WEIR_HOST_SYNC_TOKEN_BUCKET_H_
#define WEIR_HOST_SYNC_TOKEN_BUCKET_H_

#include <algorithm>
#include <cstdint>

namespace weir {

// Allows so many things per second, and bursts of so many. Not thread-safe.
class TokenBucket {
 public:
  // Full at first. `per_second` 0 allows nothing, ever.
  TokenBucket(double per_second, uint32_t burst, int64_t now_ns)
      : per_second_(per_second),
        burst_ns_(per_second == 0 ? 0 : CostNs(burst)),
        empty_ns_(now_ns - burst_ns_) {}

  // Takes `n`, all or none. `now_ns` is of a clock that never goes back. More
  // than a burst are never there.
  bool TryTake(int64_t now_ns, uint32_t n = 1) {
    if (per_second_ == 0 || WaitNs(now_ns, n) > 0) return false;
    empty_ns_ = std::max(empty_ns_, now_ns - burst_ns_) + CostNs(n);
    return true;
  }

  // Returns after how long `n` will be there, if nobody takes any until then.
  int64_t WaitNs(int64_t now_ns, uint32_t n = 1) const {
    const int64_t from_ns = std::max(empty_ns_, now_ns - burst_ns_);
    return std::max<int64_t>(CostNs(n) - (now_ns - from_ns), 0);
  }

 private:
  static constexpr int64_t kNsPerSecond = 1'000'000'000;

  int64_t CostNs(uint32_t n) const {
    if (per_second_ == 0) return kNsPerSecond;
    return static_cast<int64_t>(n * (kNsPerSecond / per_second_));
  }

  double per_second_;
  int64_t burst_ns_;
  // A bucket that was empty then and filled since holds what this one does.
  int64_t empty_ns_;
};

}  // namespace weir

#endif  // WEIR_HOST_SYNC_TOKEN_BUCKET_H_
