#ifndef WEIR_HOST_SOURCE_NATS_INBOX_H_
#define WEIR_HOST_SOURCE_NATS_INBOX_H_

#include <nats.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/nats/nats_callers.h"
#include "host/sync/mutex.h"

namespace weir {

// Where cnats' threads leave what comes of a NatsConnection, one connection
// after the other: messages, refusals, and the end.
//
// cnats calls the On... from threads of its own: OnMessage from the one that
// delivers for all sources of the process, the others from its thread for
// callbacks. One thread takes; the rest may be called by any.
class NatsInbox {
 public:
  // As in NatsServerOptions.
  NatsInbox(size_t pending_limit, size_t max_payload_bytes)
      : pending_limit_(pending_limit), max_payload_bytes_(max_payload_bytes) {}
  NatsInbox(const NatsInbox&) = delete;
  NatsInbox& operator=(const NatsInbox&) = delete;

  // For cnats; `self` is the inbox.
  static void OnMessage(natsConnection* connection, natsSubscription* by,
                        natsMsg* message, void* self);
  static void OnError(natsConnection* connection, natsSubscription* by,
                      natsStatus code, void* self);
  static void OnClosed(natsConnection* connection, void* self);
  // Those that may call them.
  NatsCallers& callers() { return callers_; }

  // The connection is at its end, because of `code` or what it says itself.
  void End(natsStatus code, natsConnection* connection)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Its end, which is what Take returns after all that came before it.
  absl::Status end() ABSL_LOCKS_EXCLUDED(mu_);
  // Nobody calls any more: forgets what came of the connection, and returns how
  // many messages that were.
  uint64_t Reset() ABSL_LOCKS_EXCLUDED(mu_);

  // From now on the connection goes on without that subject, or does not.
  void SetMayBeRefused(const std::string& subject, bool may_be_refused)
      ABSL_LOCKS_EXCLUDED(mu_);
  // It was unsubscribed. That it is refused may still be told a second time.
  void Forget(absl::string_view subject) ABSL_LOCKS_EXCLUDED(mu_);
  // The server has said `last_error`, which may be about another.
  void NoteLastError(const std::string& subject, absl::string_view last_error)
      ABSL_LOCKS_EXCLUDED(mu_);

  // As those of NatsConnection.
  std::vector<std::string> TakeRefused() ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Take(size_t max_count, size_t max_bytes,
                    std::vector<natsMsg*>* messages, absl::Duration at_most)
      ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<std::string> WaitingReplies() ABSL_LOCKS_EXCLUDED(mu_);
  void SetInterrupted(bool interrupted) ABSL_LOCKS_EXCLUDED(mu_);
  bool interrupted() ABSL_LOCKS_EXCLUDED(mu_);
  void Poke() ABSL_LOCKS_EXCLUDED(mu_);

  // Of all connections; `dropped` is what was dropped here.
  uint64_t dropped() ABSL_LOCKS_EXCLUDED(mu_);
  uint64_t too_long() ABSL_LOCKS_EXCLUDED(mu_);
  uint64_t forbidden() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // Whether `text`, of the server, is about a subject that may be refused.
  bool NoteRefusal(absl::string_view text) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Put(natsMsg* message) ABSL_LOCKS_EXCLUDED(mu_);

  const size_t pending_limit_;
  const size_t max_payload_bytes_;
  NatsCallers callers_;
  Mutex mu_;
  CondVar changed_;
  std::vector<natsMsg*> arrived_ ABSL_GUARDED_BY(mu_);
  // Up to `next_` they are the reader's, until it comes again.
  std::vector<natsMsg*> taken_ ABSL_GUARDED_BY(mu_);
  size_t next_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Status end_ ABSL_GUARDED_BY(mu_);
  // And whether it was.
  std::map<std::string, bool, std::less<>> may_be_refused_ ABSL_GUARDED_BY(mu_);
  std::set<std::string> refused_ ABSL_GUARDED_BY(mu_);
  bool interrupted_ ABSL_GUARDED_BY(mu_) = false;
  bool poked_ ABSL_GUARDED_BY(mu_) = false;
  uint64_t put_ ABSL_GUARDED_BY(mu_) = 0;  // Of this connection.
  uint64_t dropped_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t too_long_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t forbidden_ ABSL_GUARDED_BY(mu_) = 0;
};

// What cnats says went wrong, as a source says it.
absl::Status NatsSourceError(natsStatus code, absl::string_view text);

}  // namespace weir

#endif  // WEIR_HOST_SOURCE_NATS_INBOX_H_
