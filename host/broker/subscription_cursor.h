#ifndef WEIR_HOST_BROKER_SUBSCRIPTION_CURSOR_H_
#define WEIR_HOST_BROKER_SUBSCRIPTION_CURSOR_H_

#include <cstdint>
#include <deque>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "host/sync/mutex.h"

namespace weir {

// How far a durable subscription is: what its consumer has done, what it was
// given, and so how much more it may be given. Shared by the stream that is
// attached and by whoever takes acknowledgements. Thread-safe.
//
// A lease is the right of one attached stream to move it. With each Attach the
// leases before it turn stale, for ever, so that a consumer that was thought
// dead cannot disturb the one that replaced it.
class SubscriptionCursor {
 public:
  // Consecutive events, both ends included.
  struct Run {
    uint64_t first = 0, last = 0;
  };
  struct State {
    uint64_t acked = 0;      // Everything at or before is done.
    uint64_t delivered = 0;  // Position that the present lease was told.
    uint64_t unacked_events = 0;
    uint64_t gaps = 0, missed_events = 0;
    uint64_t lease = 0;  // 0 = none is valid.
  };
  enum class Ack { kDone, kStaleLease, kBeyondDelivered };

  // `gaps` and `missed_events` are those of earlier lives.
  SubscriptionCursor(uint64_t acked, uint64_t max_unacked_events,
                     uint64_t gaps = 0, uint64_t missed_events = 0)
      : max_unacked_events_(max_unacked_events) {
    state_.acked = state_.delivered = acked;
    state_.gaps = gaps;
    state_.missed_events = missed_events;
  }

  // Begins `lease`, a number that was never used: delivery starts over after
  // what is done.
  void Attach(uint64_t lease) ABSL_LOCKS_EXCLUDED(mu_);

  // Moves what is done to `seq`, forward or back. All leases are stale then.
  void Seek(uint64_t seq) ABSL_LOCKS_EXCLUDED(mu_);

  // From now on. What is delivered already stays so.
  void SetMaxUnacked(uint64_t max_unacked_events) ABSL_LOCKS_EXCLUDED(mu_);

  // How many more events may be delivered; 0 for a stale lease.
  uint64_t Room(uint64_t lease) const ABSL_LOCKS_EXCLUDED(mu_);

  // What the stream says. Of a stale lease nothing counts.
  void OnDelivered(uint64_t lease, const std::vector<Run>& runs)
      ABSL_LOCKS_EXCLUDED(mu_);
  void OnCursor(uint64_t lease, uint64_t cursor) ABSL_LOCKS_EXCLUDED(mu_);
  void OnGap(uint64_t lease, uint64_t missing) ABSL_LOCKS_EXCLUDED(mu_);

  // Everything at or before `seq` is done. An old `seq` changes nothing.
  Ack Acknowledge(uint64_t lease, uint64_t seq) ABSL_LOCKS_EXCLUDED(mu_);

  State state() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  mutable Mutex mu_;
  uint64_t max_unacked_events_ ABSL_GUARDED_BY(mu_);
  State state_ ABSL_GUARDED_BY(mu_);
  std::deque<Run> unacked_ ABSL_GUARDED_BY(mu_);  // Oldest first.
};

}  // namespace weir

#endif  // WEIR_HOST_BROKER_SUBSCRIPTION_CURSOR_H_
