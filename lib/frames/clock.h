#ifndef WEIR_LIB_FRAMES_CLOCK_H_
#define WEIR_LIB_FRAMES_CLOCK_H_

#include <chrono>

#include "absl/time/time.h"

namespace weir::frames {

// Tells how time goes by, so that a test can say. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  // Time since some moment in the past; never goes back.
  virtual absl::Duration Elapsed() const = 0;
};

// The machine's clock.
class SteadyClock final : public Clock {
 public:
  // Lives as long as the process.
  static const SteadyClock& Get() {
    static const SteadyClock clock;
    return clock;
  }

  absl::Duration Elapsed() const override {
    return absl::FromChrono(
        std::chrono::steady_clock::now().time_since_epoch());
  }
};

}  // namespace weir::frames

#endif  // WEIR_LIB_FRAMES_CLOCK_H_
