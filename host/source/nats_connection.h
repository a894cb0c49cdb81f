#ifndef WEIR_HOST_SOURCE_NATS_CONNECTION_H_
#define WEIR_HOST_SOURCE_NATS_CONNECTION_H_

#include <nats.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/nats/nats_options.h"
#include "host/source/nats_inbox.h"

namespace weir {

// A connection of core NATS, by cnats, and the messages of its subscriptions,
// of all of them in the order in which the server sent them. For the sources
// that read NATS; what they return, how it ends and what is lost, they say.
//
// One thread calls Connect, Subscribe, Unsubscribe, Drain, Take, TakeRefused,
// AwaitWritten and Disconnect; all others may be called by any.
class NatsConnection {
 public:
  struct Subscription {
    std::string subject;      // With the wildcards `*` and `>`.
    std::string queue_group;  // Empty: of none.
    // Whether the connection goes on, and TakeRefused tells, if the server does
    // not permit to subscribe to it; otherwise that is its end.
    bool may_be_refused = false;
  };
  using Header = std::pair<std::string, std::string>;

  explicit NatsConnection(NatsServerOptions options);
  ~NatsConnection();
  NatsConnection(const NatsConnection&) = delete;
  NatsConnection& operator=(const NatsConnection&) = delete;

  // Connects, ending a connection that there is, and waits until the server
  // knows the subscriptions. Errors are those of source_error.h.
  absl::Status Connect(const std::vector<Subscription>& subscriptions);

  // Subscribes to more while connected, and waits until the server knows.
  // Errors as Connect's: the connection is of no use then.
  absl::Status Subscribe(const std::vector<Subscription>& subscriptions);

  // Appends the oldest messages to `messages`: up to `max_count`, and no more
  // once they have `max_bytes`. Blocks until there is one, and returns without
  // any after Poke, and after `at_most`. They live until the next call of Take
  // or Connect.
  //
  // Returns Cancelled once interrupted; else, after all that came before it,
  // the end of the connection, which Connect forgets.
  absl::Status Take(size_t max_count, size_t max_bytes,
                    std::vector<natsMsg*>* messages,
                    absl::Duration at_most = absl::InfiniteDuration());

  // The reply subjects, those that are not empty, of the messages that wait for
  // Take.
  std::vector<std::string> WaitingReplies() const;

  // Ends the subscription to that subject; what came by it stays.
  void Unsubscribe(absl::string_view subject);
  // The subjects that the server did not permit since the last call. Take
  // returns when there are some.
  std::vector<std::string> TakeRefused();

  // Ends all subscriptions, and waits until all that the server has sent by
  // them has come, for `timeout` at most.
  void Drain(absl::Duration timeout);

  // Closes the connection, if there is one, and forgets what came by it.
  void Disconnect();

  // Publishes, with headers if there are any. OK means that it was written to
  // the connection, and no more. Returns Unavailable without a connection, or
  // if the server takes nothing for 5 s, which ends the connection, and
  // InvalidArgument for what the server does not take: too long, no subject.
  absl::Status Publish(absl::string_view subject,
                       const std::vector<Header>& headers,
                       absl::string_view data);
  // The same without headers, and answers are to go to `reply`, if that is not
  // empty. Cheaper.
  absl::Status PublishTo(const std::string& subject, const std::string& reply,
                         absl::string_view data);
  // Waits until the server has read what was published, for `timeout` at most;
  // returns whether it has.
  bool AwaitWritten(absl::Duration timeout);

  // Makes Connect and Take return Cancelled soon, until Rearm. Connect only
  // when the server being tried has answered or timed out: cnats cannot be told
  // to.
  void Interrupt();
  void Rearm();
  // Makes one Take, this one or the next, return.
  void Poke();

  // The servers, without credentials.
  const std::string& endpoint() const { return endpoint_; }
  // Messages of all connections: lost since `pending_limit` waited, longer than
  // `max_payload_bytes`, and published where the server does not permit it.
  uint64_t dropped() const;
  uint64_t too_long() const;
  uint64_t forbidden() const;

 private:
  struct Handles;  // cnats' own.

  absl::Status SubscribeTo(const Subscription& wanted);
  absl::Status Flush();
  std::string LastError();  // As the server said it; empty if it did not.
  // What publishing came to, which `publish(connection)` does.
  template <typename F>
  absl::Status PublishBy(absl::string_view subject, const F& publish);

  const NatsServerOptions options_;
  const std::string endpoint_;
  // Outlives each connection: Disconnect waits for cnats' last call.
  const std::unique_ptr<NatsInbox> inbox_;
  const std::unique_ptr<Handles> handles_;
};

// The header of that name, whose case counts; empty if there is none or it is.
absl::string_view NatsHeader(natsMsg* message, const char* name);

}  // namespace weir

#endif  // WEIR_HOST_SOURCE_NATS_CONNECTION_H_
