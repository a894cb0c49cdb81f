#include "host/metrics/histogram.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace weir {

size_t Histogram::BucketOf(uint64_t ns) {
  if (ns < kSubBuckets) return ns;
  const size_t power = std::bit_width(ns) - 1;  // 4 or more.
  const size_t sub = (ns >> (power - 4)) - kSubBuckets;
  return std::min((power - 3) * kSubBuckets + sub, kBuckets - 1);
}

uint64_t Histogram::MiddleOf(size_t bucket) {
  if (bucket < kSubBuckets) return bucket;
  const size_t power = bucket / kSubBuckets + 3;
  const uint64_t width = uint64_t{1} << (power - 4);
  return (kSubBuckets + bucket % kSubBuckets) * width + width / 2;
}

void Histogram::Turn(int64_t now_ns) {
  if (!started_) {
    started_ = true;
    window_begin_ns_ = now_ns;
  }
  const int64_t age = now_ns - window_begin_ns_;
  if (age < kWindowNs) return;
  // A window in which nothing happened has no quantiles to tell.
  last_ = age < 2 * kWindowNs ? std::exchange(current_, {}) : Window();
  current_ = {};
  have_last_ = true;
  window_begin_ns_ += age / kWindowNs * kWindowNs;
}

void Histogram::Record(uint64_t ns, uint64_t weight, int64_t now_ns) {
  if (weight == 0) return;
  Turn(now_ns);
  current_.counts[BucketOf(ns)] += weight;
  current_.total += weight;
  totals_.min_ns = totals_.count == 0 ? ns : std::min(totals_.min_ns, ns);
  totals_.max_ns = std::max(totals_.max_ns, ns);
  totals_.count += weight;
  totals_.sum_ns += ns * weight;
}

uint64_t Histogram::Quantile(const Window& window, double q) {
  const auto rank =
      static_cast<uint64_t>(q * static_cast<double>(window.total));
  uint64_t seen = 0;
  for (size_t bucket = 0; bucket < kBuckets; ++bucket) {
    seen += window.counts[bucket];
    if (seen > rank) return MiddleOf(bucket);
  }
  return 0;
}

Distribution Histogram::Read(int64_t now_ns) {
  if (started_) Turn(now_ns);
  Distribution result = totals_;
  const Window& window = have_last_ ? last_ : current_;
  if (window.total == 0) return result;
  const auto at = [&](double q) {
    // The middle of a bucket may lie outside of what was seen.
    return std::clamp(Quantile(window, q), totals_.min_ns, totals_.max_ns);
  };
  result.p50_ns = at(0.5);
  result.p90_ns = at(0.9);
  result.p99_ns = at(0.99);
  result.p999_ns = at(0.999);
  return result;
}

}  // namespace weir
