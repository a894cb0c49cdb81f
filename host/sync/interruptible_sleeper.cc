#include "host/sync/interruptible_sleeper.h"

#include "absl/time/clock.h"

namespace weir {

bool InterruptibleSleeper::SleepFor(absl::Duration duration) {
  const absl::Time end = absl::Now() + duration;
  MutexLock lock(&mu_);
  while (!woken_) {
    const absl::Duration left = end - absl::Now();
    if (left <= absl::ZeroDuration()) return true;
    woken_changed_.WaitFor(&mu_, left);
  }
  return false;
}

void InterruptibleSleeper::Wake() {
  MutexLock lock(&mu_);
  woken_ = true;
  woken_changed_.NotifyAll();
}

}  // namespace weir
