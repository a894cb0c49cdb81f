#include "host/broker/alarm.h"

#include <algorithm>

#include "absl/time/time.h"

namespace weir {

void Alarm::SetFor(int64_t at_ns) {
  MutexLock lock(&mu_);
  if (at_ns >= at_ns_) return;
  at_ns_ = at_ns;
  changed_.NotifyOne();
}

void Alarm::AwaitNews() {
  MutexLock lock(&mu_);
  awaits_news_ = true;
}

void Alarm::News() {
  MutexLock lock(&mu_);
  if (!awaits_news_) return;
  awaits_news_ = false;
  at_ns_ = 0;
  changed_.NotifyOne();
}

bool Alarm::Wait(const Clock& clock) {
  MutexLock lock(&mu_);
  const int64_t latest_ns = clock.MonotonicNs() + kBackstopNs;
  while (!stopped_) {
    const int64_t now_ns = clock.MonotonicNs();
    const int64_t at_ns = std::min(at_ns_, latest_ns);
    if (now_ns >= at_ns) break;
    changed_.WaitFor(&mu_, absl::Nanoseconds(at_ns - now_ns));
  }
  at_ns_ = kNever;
  awaits_news_ = false;
  return !stopped_;
}

void Alarm::Stop() {
  MutexLock lock(&mu_);
  stopped_ = true;
  changed_.NotifyAll();
}

int64_t Alarm::at_ns() const {
  MutexLock lock(&mu_);
  return at_ns_;
}

}  // namespace weir
