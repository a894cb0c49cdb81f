#ifndef WEIR_LIB_CLIENT_CLOCK_H_
#define WEIR_LIB_CLIENT_CLOCK_H_

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace weir::client {

// Tells the time, so that a test can say what it is. Implementations are
// thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  virtual absl::Time Now() const = 0;
};

// The machine's clock.
class SystemClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::Now(); }
};

}  // namespace weir::client

#endif  // WEIR_LIB_CLIENT_CLOCK_H_
