#ifndef WEIR_HOST_SYNC_INTERRUPTIBLE_SLEEPER_H_
#define WEIR_HOST_SYNC_INTERRUPTIBLE_SLEEPER_H_

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "host/sync/mutex.h"
#include "host/sync/sleeper.h"

namespace weir {

// Sleeps for real, until Wake. Thread-safe.
class InterruptibleSleeper final : public Sleeper {
 public:
  bool SleepFor(absl::Duration duration) override ABSL_LOCKS_EXCLUDED(mu_);
  void Wake() override ABSL_LOCKS_EXCLUDED(mu_);

 private:
  Mutex mu_;
  CondVar woken_changed_;
  bool woken_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace weir

#endif  // WEIR_HOST_SYNC_INTERRUPTIBLE_SLEEPER_H_
