#ifndef WEIR_TESTS_FAKES_FAKE_FRAMES_CLOCK_H_
#define WEIR_TESTS_FAKES_FAKE_FRAMES_CLOCK_H_

#include <atomic>
#include <cstdint>

#include "absl/time/time.h"
#include "lib/frames/clock.h"

namespace weir {

// A clock that stands still until a test moves it. Thread-safe.
class FakeFramesClock final : public frames::Clock {
 public:
  absl::Duration Elapsed() const override {
    return absl::Nanoseconds(now_ns_.load());
  }

  void Advance(absl::Duration by) {
    now_ns_.fetch_add(absl::ToInt64Nanoseconds(by));
  }

 private:
  std::atomic<int64_t> now_ns_{0};
};

}  // namespace weir

#endif  // WEIR_TESTS_FAKES_FAKE_FRAMES_CLOCK_H_
