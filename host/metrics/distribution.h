#ifndef WEIR_HOST_METRICS_DISTRIBUTION_H_
#define WEIR_HOST_METRICS_DISTRIBUTION_H_

#include <cstdint>

namespace weir {

// What a Histogram tells: how long something took, in nanoseconds. All zero
// while count is 0. A value.
struct Distribution {
  uint64_t count = 0;  // These four since the histogram was made or reset.
  uint64_t sum_ns = 0;
  uint64_t min_ns = 0;
  uint64_t max_ns = 0;
  uint64_t p50_ns = 0;  // These of the last complete window of 10 s; of all
  uint64_t p90_ns =
      0;  // there was until the first window is complete. Exact to
  uint64_t p99_ns = 0;  // 4 %.
  uint64_t p999_ns = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_METRICS_DISTRIBUTION_H_
