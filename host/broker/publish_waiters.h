#ifndef WEIR_HOST_BROKER_PUBLISH_WAITERS_H_
#define WEIR_HOST_BROKER_PUBLISH_WAITERS_H_

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "host/broker/writable_log.h"
#include "host/control/event_publisher.h"
#include "host/sync/mutex.h"

namespace weir {

// Those who published and have no answer yet. With a journal even kAccepted is
// only answered when the events are visible: an ID that is told before its
// commit could be given twice, if the host is killed in between. Thread-safe;
// answers are given without a lock held.
class PublishWaiters {
 public:
  struct Waiter {
    uint64_t last = 0;  // Of its events.
    Durability durability = Durability::kAccepted;
    std::vector<std::string> ids;
    EventPublisher::Done done;
  };

  // `log` must outlive it.
  explicit PublishWaiters(const WritableLog& log) : log_(log) {}

  // Answers `waiter` when it is time, perhaps at once. Who waits for a journal
  // that does not work gets Unavailable / JOURNAL_UNAVAILABLE {detail,
  // first_id, last_id}, and no retry delay: the events are in the log, and will
  // be in the journal if it works again, so that another try would append them
  // twice.
  void Add(Waiter waiter) ABSL_LOCKS_EXCLUDED(mu_);
  // Answers all whose time has come.
  void Answer() ABSL_LOCKS_EXCLUDED(mu_);
  // Answers all, those too late with Unavailable / SERVER_DRAINING.
  void Close() ABSL_LOCKS_EXCLUDED(mu_);

  // Unavailable / JOURNAL_UNAVAILABLE, with what is wrong with the journal.
  static absl::Status Unavailable(const WritableLog& log);

 private:
  static absl::Status InMemoryOnly(const WritableLog& log,
                                   const Waiter& waiter);

  const WritableLog& log_;

  Mutex mu_;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  std::deque<Waiter> waiters_ ABSL_GUARDED_BY(mu_);
};

}  // namespace weir

#endif  // WEIR_HOST_BROKER_PUBLISH_WAITERS_H_
