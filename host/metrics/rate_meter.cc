#include "host/metrics/rate_meter.h"

#include <algorithm>

namespace weir {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;

}  // namespace

void RateMeter::Turn(int64_t now_ns) {
  if (!started_) {
    started_ = true;
    first_ns_ = now_ns;
    second_ = now_ns / kSecondNs;
  }
  const int64_t now = now_ns / kSecondNs;
  const int64_t passed = std::min(now - second_, kSeconds);
  for (int64_t i = 0; i < passed; ++i) {
    uint64_t& slot = counts_[(now - i) % kSeconds];
    total_ -= slot;
    slot = 0;
  }
  second_ = std::max(second_, now);
}

void RateMeter::Add(uint64_t n, int64_t now_ns) {
  Turn(now_ns);
  counts_[second_ % kSeconds] += n;
  total_ += n;
}

double RateMeter::PerSecond(int64_t now_ns) {
  if (!started_) return 0;
  Turn(now_ns);
  // Below a second the rate of the first batch would be without bound.
  const double age = static_cast<double>(
      std::clamp(now_ns - first_ns_, kSecondNs, kSeconds * kSecondNs));
  return static_cast<double>(total_) * kSecondNs / age;
}

}  // namespace weir
