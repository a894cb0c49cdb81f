#ifndef WEIR_TESTS_FAKES_STEPPING_CLOCK_H_
#define WEIR_TESTS_FAKES_STEPPING_CLOCK_H_

#include <atomic>
#include <cstdint>

#include "absl/time/time.h"
#include "host/sync/clock.h"

namespace weir {

// A clock that stands still until a test moves it, and whose time of day can be
// set, forth or back, as an operator or NTP sets that of a machine.
// Thread-safe; who reads while it is moved sees one time or the other.
class SteppingClock final : public Clock {
 public:
  absl::Time Now() const override {
    return absl::FromUnixNanos(MonotonicNs() +
                               set_by_ns_.load(std::memory_order_relaxed));
  }
  int64_t MonotonicNs() const override {
    return now_ns_.load(std::memory_order_relaxed);
  }

  void Advance(absl::Duration by) {
    now_ns_.fetch_add(absl::ToInt64Nanoseconds(by), std::memory_order_relaxed);
  }
  // Moves the time of day alone.
  void Set(absl::Duration by) {
    set_by_ns_.fetch_add(absl::ToInt64Nanoseconds(by),
                         std::memory_order_relaxed);
  }

 private:
  std::atomic<int64_t> now_ns_{0};
  std::atomic<int64_t> set_by_ns_{0};
};

}  // namespace weir

#endif  // WEIR_TESTS_FAKES_STEPPING_CLOCK_H_
