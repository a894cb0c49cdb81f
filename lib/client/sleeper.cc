#include "lib/client/sleeper.h"

#include "absl/time/clock.h"

namespace weir::client {

bool SystemSleeper::SleepFor(absl::Duration duration) {
  const absl::Time end = absl::Now() + duration;
  MutexLock lock(&mu_);
  while (!woken_) {
    const absl::Duration left = end - absl::Now();
    if (left <= absl::ZeroDuration()) return true;
    woke_.WaitFor(&mu_, left);
  }
  return false;
}

void SystemSleeper::Wake() {
  MutexLock lock(&mu_);
  woken_ = true;
  woke_.NotifyAll();
}

}  // namespace weir::client
