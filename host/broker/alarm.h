#ifndef WEIR_HOST_BROKER_ALARM_H_
#define WEIR_HOST_BROKER_ALARM_H_

#include <cstdint>
#include <limits>

#include "absl/base/thread_annotations.h"
#include "host/sync/clock.h"
#include "host/sync/mutex.h"

namespace weir {

// Tells the thread that serves the streams when to look at them next: at a time
// that was set, or at the first news if somebody waits for any. News that
// nobody waits for cost a lock and wake no one; that is what makes a burst of a
// thousand events one wake-up and not a thousand.
//
// Thread-safe. Times are Clock::MonotonicNs.
class Alarm {
 public:
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
  // The longest sleep: whatever was missed is found by then.
  static constexpr int64_t kBackstopNs = 1'000'000'000;

  // Rings at `at_ns` or before.
  void SetFor(int64_t at_ns) ABSL_LOCKS_EXCLUDED(mu_);

  // Makes the next News ring. Look for news once more after calling this: what
  // came before it does not ring.
  void AwaitNews() ABSL_LOCKS_EXCLUDED(mu_);

  // There is something new to read.
  void News() ABSL_LOCKS_EXCLUDED(mu_);

  // Blocks until it rings. All that was set is forgotten then. Returns false
  // after Stop.
  bool Wait(const Clock& clock) ABSL_LOCKS_EXCLUDED(mu_);

  // Ends the present and every later Wait.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

  // When it would ring; `kNever` if nothing was set since the last Wait.
  int64_t at_ns() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  mutable Mutex mu_;
  CondVar changed_;
  int64_t at_ns_ ABSL_GUARDED_BY(mu_) = kNever;
  bool awaits_news_ ABSL_GUARDED_BY(mu_) = false;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace weir

#endif  // WEIR_HOST_BROKER_ALARM_H_
