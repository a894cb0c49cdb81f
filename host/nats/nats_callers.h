#ifndef WEIR_HOST_NATS_NATS_CALLERS_H_
#define WEIR_HOST_NATS_NATS_CALLERS_H_

#include <nats.h>

#include <cstddef>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "host/sync/mutex.h"

namespace weir {

// Who of cnats still calls us: a connection and its subscriptions, from threads
// of cnats' own. Each tells, as the last it does, that it calls no more; before
// all have, nothing that they call may be destroyed.
//
// Thread-safe.
class NatsCallers {
 public:
  // A connection was made, or a subscription whose end is told.
  void Enter() ABSL_LOCKS_EXCLUDED(mu_);
  // It calls no more.
  void Leave() ABSL_LOCKS_EXCLUDED(mu_);

  // Waits until none is left; the connection must be closed.
  void AwaitNone() ABSL_LOCKS_EXCLUDED(mu_);
  // Waits until no more than `count` are left, for `timeout` at most.
  void AwaitOnly(size_t count, absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  Mutex mu_;
  CondVar changed_;
  size_t count_ ABSL_GUARDED_BY(mu_) = 0;
};

// What the server or cnats said last of a connection, or else what `code` is.
std::string NatsErrorText(natsConnection* connection, natsStatus code);

}  // namespace weir

#endif  // WEIR_HOST_NATS_NATS_CALLERS_H_
