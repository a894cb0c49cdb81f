#include "host/broker/subscription_cursor.h"

#include <algorithm>

namespace weir {

void SubscriptionCursor::Attach(uint64_t lease) {
  MutexLock lock(&mu_);
  unacked_.clear();
  state_.unacked_events = 0;
  state_.delivered = state_.acked;
  state_.lease = lease;
}

void SubscriptionCursor::Seek(uint64_t seq) {
  MutexLock lock(&mu_);
  unacked_.clear();
  state_.unacked_events = 0;
  state_.acked = state_.delivered = seq;
  state_.lease = 0;
}

void SubscriptionCursor::SetMaxUnacked(uint64_t max_unacked_events) {
  MutexLock lock(&mu_);
  max_unacked_events_ = max_unacked_events;
}

uint64_t SubscriptionCursor::Room(uint64_t lease) const {
  MutexLock lock(&mu_);
  if (lease != state_.lease) return 0;
  return max_unacked_events_ -
         std::min(max_unacked_events_, state_.unacked_events);
}

void SubscriptionCursor::OnDelivered(uint64_t lease,
                                     const std::vector<Run>& runs) {
  MutexLock lock(&mu_);
  if (lease != state_.lease) return;
  for (const Run& run : runs) {
    state_.unacked_events += run.last - run.first + 1;
    if (!unacked_.empty() && unacked_.back().last + 1 == run.first) {
      unacked_.back().last = run.last;
    } else {
      unacked_.push_back(run);
    }
  }
}

void SubscriptionCursor::OnCursor(uint64_t lease, uint64_t cursor) {
  MutexLock lock(&mu_);
  if (lease == state_.lease) state_.delivered = cursor;
}

void SubscriptionCursor::OnGap(uint64_t lease, uint64_t missing) {
  MutexLock lock(&mu_);
  if (lease != state_.lease) return;
  ++state_.gaps;
  state_.missed_events += missing;
}

SubscriptionCursor::Ack SubscriptionCursor::Acknowledge(uint64_t lease,
                                                        uint64_t seq) {
  MutexLock lock(&mu_);
  if (lease != state_.lease) return Ack::kStaleLease;
  if (seq > state_.delivered) return Ack::kBeyondDelivered;
  state_.acked = std::max(state_.acked, seq);
  while (!unacked_.empty() && unacked_.front().first <= seq) {
    Run& oldest = unacked_.front();
    const uint64_t done = std::min(oldest.last, seq);
    state_.unacked_events -= done - oldest.first + 1;
    if (done == oldest.last) {
      unacked_.pop_front();
    } else {
      oldest.first = done + 1;
    }
  }
  return Ack::kDone;
}

SubscriptionCursor::State SubscriptionCursor::state() const {
  MutexLock lock(&mu_);
  return state_;
}

}  // namespace weir
