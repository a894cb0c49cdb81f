#include "host/sync/system_clock.h"

#include <chrono>

#include "absl/time/clock.h"

namespace weir {

absl::Time SystemClock::Now() const { return absl::Now(); }

int64_t SystemClock::MonotonicNs() const {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace weir
