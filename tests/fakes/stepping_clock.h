#ifndef WEIR_TESTS_FAKES_STEPPING_CLOCK_H_
#define WEIR_TESTS_FAKES_STEPPING_CLOCK_H_

#include <cstdint>

#include "absl/time/time.h"
#include "host/sync/clock.h"

namespace weir {

// A clock that stands still until a test moves it, and whose time of day can be
// set, forth or back, as an operator or NTP sets that of a machine. For one
// thread.
class SteppingClock final : public Clock {
 public:
  absl::Time Now() const override {
    return absl::FromUnixNanos(now_ns_) + set_by_;
  }
  int64_t MonotonicNs() const override { return now_ns_; }

  void Advance(absl::Duration by) { now_ns_ += absl::ToInt64Nanoseconds(by); }
  // Moves the time of day alone.
  void Set(absl::Duration by) { set_by_ += by; }

 private:
  int64_t now_ns_ = 0;
  absl::Duration set_by_;
};

}  // namespace weir

#endif  // WEIR_TESTS_FAKES_STEPPING_CLOCK_H_
