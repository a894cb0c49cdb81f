#include "lib/client/sleeper.h"

#include <algorithm>

#include "absl/time/clock.h"

namespace weir::client {
namespace {

// One wait of the operating system; its own arithmetic overflows on the longest
// durations.
constexpr absl::Duration kLongestWait = absl::Hours(1);

}  // namespace

bool SystemSleeper::SleepFor(absl::Duration duration) {
  const absl::Time end = absl::Now() + duration;
  MutexLock lock(&mu_);
  while (!woken_) {
    const absl::Duration left = end - absl::Now();
    if (left <= absl::ZeroDuration()) return true;
    woke_.WaitFor(&mu_, std::min(left, kLongestWait));
  }
  return false;
}

void SystemSleeper::Wake() {
  MutexLock lock(&mu_);
  woken_ = true;
  woke_.NotifyAll();
}

}  // namespace weir::client
