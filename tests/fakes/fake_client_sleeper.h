#ifndef WEIR_TESTS_FAKES_FAKE_CLIENT_SLEEPER_H_
#define WEIR_TESTS_FAKES_FAKE_CLIENT_SLEEPER_H_

#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "lib/client/mutex.h"
#include "lib/client/sleeper.h"

namespace weir {

// Sleeps for no time at all and remembers for how long it was asked to.
class FakeClientSleeper final : public client::Sleeper {
 public:
  bool SleepFor(absl::Duration duration) override ABSL_LOCKS_EXCLUDED(mu_) {
    client::MutexLock lock(&mu_);
    slept_.push_back(duration);
    return !woken_;
  }

  void Wake() override ABSL_LOCKS_EXCLUDED(mu_) {
    client::MutexLock lock(&mu_);
    woken_ = true;
  }

  std::vector<absl::Duration> slept() const ABSL_LOCKS_EXCLUDED(mu_) {
    client::MutexLock lock(&mu_);
    return slept_;
  }

 private:
  mutable client::Mutex mu_;
  std::vector<absl::Duration> slept_ ABSL_GUARDED_BY(mu_);
  bool woken_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace weir

#endif  // WEIR_TESTS_FAKES_FAKE_CLIENT_SLEEPER_H_
