#ifndef WEIR_HOST_SYNC_SYSTEM_CLOCK_H_
#define WEIR_HOST_SYNC_SYSTEM_CLOCK_H_

#include <cstdint>

#include "absl/time/time.h"
#include "host/sync/clock.h"

namespace weir {

// The machine's own clocks. Immutable.
class SystemClock final : public Clock {
 public:
  absl::Time Now() const override;
  int64_t MonotonicNs() const override;
};

}  // namespace weir

#endif  // WEIR_HOST_SYNC_SYSTEM_CLOCK_H_
