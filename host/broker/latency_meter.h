#ifndef WEIR_HOST_BROKER_LATENCY_METER_H_
#define WEIR_HOST_BROKER_LATENCY_METER_H_

#include <algorithm>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "host/metrics/distribution.h"
#include "host/metrics/histogram.h"
#include "host/sync/mutex.h"

namespace weir {

// A histogram that several threads record into. Thread-safe.
class LatencyMeter {
 public:
  // Adds `weight` durations from `begin_ns` to `end_ns`, both of
  // Clock::MonotonicNs.
  void Record(int64_t begin_ns, int64_t end_ns, uint64_t weight)
      ABSL_LOCKS_EXCLUDED(mu_) {
    const int64_t ns = std::max<int64_t>(end_ns - begin_ns, 0);
    MutexLock lock(&mu_);
    histogram_.Record(static_cast<uint64_t>(ns), weight, end_ns);
  }

  Distribution Read(int64_t now_ns) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    return histogram_.Read(now_ns);
  }

 private:
  Mutex mu_;
  Histogram histogram_ ABSL_GUARDED_BY(mu_);
};

}  // namespace weir

#endif  // WEIR_HOST_BROKER_LATENCY_METER_H_
