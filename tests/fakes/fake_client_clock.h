#ifndef WEIR_TESTS_FAKES_FAKE_CLIENT_CLOCK_H_
#define WEIR_TESTS_FAKES_FAKE_CLIENT_CLOCK_H_

#include "absl/time/time.h"
#include "lib/client/clock.h"

namespace weir {

// A clock that stands still until a test moves it. Not thread-safe.
class FakeClientClock final : public client::Clock {
 public:
  absl::Time Now() const override { return now_; }

  void Advance(absl::Duration by) { now_ += by; }

 private:
  absl::Time now_ = absl::UnixEpoch();
};

}  // namespace weir

#endif  // WEIR_TESTS_FAKES_FAKE_CLIENT_CLOCK_H_
