#ifndef WEIR_LIB_NAKADI_CLOCK_H_
#define WEIR_LIB_NAKADI_CLOCK_H_

#include <chrono>
#include <cstdint>

namespace weir::nakadi {

// Tells how time goes by, so that a test can say. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  // Nanoseconds since some moment in the past; never goes back.
  virtual int64_t MonotonicNs() const = 0;
};

// The machine's clock.
class SteadyClock final : public Clock {
 public:
  int64_t MonotonicNs() const override {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }
};

}  // namespace weir::nakadi

#endif  // WEIR_LIB_NAKADI_CLOCK_H_
