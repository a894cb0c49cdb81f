#ifndef WEIR_HOST_PLUGIN_TOKEN_BUCKET_H_
#define WEIR_HOST_PLUGIN_TOKEN_BUCKET_H_

#include <algorithm>
#include <cstdint>

namespace weir {

// Allows so many things per second, and bursts of so many. Not thread-safe.
class TokenBucket {
 public:
  // Full at first. `per_second` 0 allows nothing, ever.
  TokenBucket(uint32_t per_second, uint32_t burst, int64_t now_ns)
      : per_second_(per_second),
        burst_ns_(per_second == 0 ? 0 : burst * (kNsPerSecond / per_second)),
        empty_ns_(now_ns - burst_ns_) {}

  // Takes one, if there is one. `now_ns` is of a clock that never goes back.
  bool TryTake(int64_t now_ns) {
    if (per_second_ == 0) return false;
    const int64_t cost_ns = kNsPerSecond / per_second_;
    const int64_t from_ns = std::max(empty_ns_, now_ns - burst_ns_);
    if (now_ns - from_ns < cost_ns) return false;
    empty_ns_ = from_ns + cost_ns;
    return true;
  }

 private:
  static constexpr int64_t kNsPerSecond = 1'000'000'000;

  const uint32_t per_second_;
  const int64_t burst_ns_;
  // A bucket that was empty then and filled since holds what this one does.
  int64_t empty_ns_;
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_TOKEN_BUCKET_H_
