#ifndef WEIR_HOST_METRICS_HISTOGRAM_H_
#define WEIR_HOST_METRICS_HISTOGRAM_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "host/metrics/distribution.h"

namespace weir {

// Counts durations in log-linear buckets: 16 of equal width for each power of
// two, so a quantile is at most 1/16 too wide, and its middle exact to 4 %.
// From 1 ns to 2^40 ns (18 minutes); longer ones count in the last bucket.
// Recording is a handful of instructions.
//
// Not thread-safe: whoever records also guards it.
class Histogram {
 public:
  // How long a window lasts that quantiles are taken from.
  static constexpr int64_t kWindowNs = 10'000'000'000;

  // Adds `weight` durations of `ns` each. `now_ns` is any monotonic clock, the
  // same for all calls; it decides which window they fall into.
  void Record(uint64_t ns, uint64_t weight, int64_t now_ns);

  // What was recorded so far.
  Distribution Read(int64_t now_ns);

  // Starts over.
  void Reset() { *this = Histogram(); }

 private:
  static constexpr size_t kSubBuckets = 16;
  static constexpr size_t kBuckets = (40 - 4 + 1) * kSubBuckets + kSubBuckets;
  struct Window {
    std::array<uint64_t, kBuckets> counts = {};
    uint64_t total = 0;
  };

  static size_t BucketOf(uint64_t ns);
  static uint64_t MiddleOf(size_t bucket);
  static uint64_t Quantile(const Window& window, double q);
  void Turn(int64_t now_ns);

  Window current_;
  Window last_;
  bool have_last_ = false;
  bool started_ = false;
  int64_t window_begin_ns_ = 0;
  Distribution totals_;
};

}  // namespace weir

#endif  // WEIR_HOST_METRICS_HISTOGRAM_H_
