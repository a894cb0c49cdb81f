#ifndef WEIR_TESTS_FAKES_FAKE_SLEEPER_FACTORY_H_
#define WEIR_TESTS_FAKES_FAKE_SLEEPER_FACTORY_H_

#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "host/source/sleeper_factory.h"
#include "host/sync/mutex.h"
#include "host/sync/sleeper.h"
#include "tests/fakes/fake_clock.h"

namespace weir {

// Makes sleepers that sleep for no time at all and move a clock by as much as
// they should have slept; or, if told to hold, that sleep until they are woken.
// Must outlive its sleepers. Thread-safe.
class FakeSleeperFactory {
 public:
  explicit FakeSleeperFactory(FakeClock& clock) : clock_(clock) {}

  SleeperFactory factory() {
    return [this] { return std::make_unique<OneSleeper>(*this); };
  }

  void Hold() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    hold_ = true;
  }

  // Waits until somebody sleeps and is held.
  void WaitUntilAsleep() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    while (asleep_ == 0) changed_.Wait(&mu_);
  }

  std::vector<absl::Duration> slept() const ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    return slept_;
  }

 private:
  class OneSleeper final : public Sleeper {
   public:
    explicit OneSleeper(FakeSleeperFactory& all) : all_(all) {}

    bool SleepFor(absl::Duration duration) override
        ABSL_LOCKS_EXCLUDED(all_.mu_) {
      MutexLock lock(&all_.mu_);
      all_.slept_.push_back(duration);
      ++all_.asleep_;
      all_.changed_.NotifyAll();
      while (all_.hold_ && !woken_) all_.changed_.Wait(&all_.mu_);
      --all_.asleep_;
      if (!woken_) all_.clock_.Advance(duration);
      return !woken_;
    }

    void Wake() override ABSL_LOCKS_EXCLUDED(all_.mu_) {
      MutexLock lock(&all_.mu_);
      woken_ = true;
      all_.changed_.NotifyAll();
    }

   private:
    FakeSleeperFactory& all_;
    bool woken_ ABSL_GUARDED_BY(all_.mu_) = false;
  };

  FakeClock& clock_;
  mutable Mutex mu_;
  CondVar changed_;
  std::vector<absl::Duration> slept_ ABSL_GUARDED_BY(mu_);
  bool hold_ ABSL_GUARDED_BY(mu_) = false;
  int asleep_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace weir

#endif  // WEIR_TESTS_FAKES_FAKE_SLEEPER_FACTORY_H_
