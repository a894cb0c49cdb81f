#ifndef WEIR_HOST_NATS_NATS_LINK_H_
#define WEIR_HOST_NATS_NATS_LINK_H_

#include <nats.h>

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/nats/nats_options.h"

namespace weir {

// A connection of core NATS, by cnats, for those who publish: it says which
// messages go nowhere, and hands over what is answered.
//
// One thread calls it. Errors of its methods are
//
//   Unavailable         there is no connection, or it is at its end: connect
//                       again
//   PermissionDenied,   the same, but it needs a person: a user, a file, TLS
//   FailedPrecondition  ...
//   InvalidArgument     the server would never take that: no subject, too long
class NatsLink {
 public:
  using Header = std::pair<std::string, std::string>;

  // Told by threads of cnats, at any time from Connect until Disconnect has
  // returned; must not block, nor call the link.
  class Listener {
   public:
    virtual ~Listener() = default;
    // Of a subscription; it is destroyed afterwards.
    virtual void OnMessage(natsMsg* message) = 0;
    // The connection is at its end, once for each Connect that was OK.
    virtual void OnEnd(const absl::Status& why) = 0;
    // The server does not permit to publish there; what was published is lost.
    virtual void OnForbidden(const std::string& subject) = 0;
  };

  // `listener` must outlive the link.
  NatsLink(NatsServerOptions options, Listener* listener);
  ~NatsLink();
  NatsLink(const NatsLink&) = delete;
  NatsLink& operator=(const NatsLink&) = delete;

  // Connects, after ending a connection that there is, subscribes, and waits
  // until the server knows it. Blocks for `connect_timeout` for each server.
  absl::Status Connect(const std::vector<std::string>& subjects);
  // Subscribes to another subject, until the connection ends.
  absl::Status Subscribe(const std::string& subject);
  void Disconnect();

  // OK means that it was written to the connection, and no more. `reply` may be
  // empty. Blocks for 5 s at most, if the server takes nothing, which ends the
  // connection.
  absl::Status Publish(const std::string& subject, const std::string& reply,
                       const std::vector<Header>& headers,
                       absl::string_view data);
  // Waits until the server has read all that was published.
  absl::Status Flush(absl::Duration timeout);
  // PermissionDenied, with what the server said, if it has refused something of
  // this connection before it answered the last Flush; and the subject of the
  // last that it refused so, empty if there is none.
  absl::Status LastForbidden() const;
  std::string LastForbiddenSubject() const;

  // The longest message, with its headers, that the server takes; 1 MiB, the
  // default of servers, while none has said.
  size_t max_payload() const { return max_payload_; }
  const std::string& endpoint() const { return endpoint_; }

 private:
  class Calls;  // What cnats calls.

  const NatsServerOptions options_;
  const std::string endpoint_;
  const std::unique_ptr<Calls> calls_;
  natsConnection* connection_ = nullptr;
  std::vector<natsSubscription*> subscriptions_;
  size_t max_payload_ = size_t{1} << 20;
};

}  // namespace weir

#endif  // WEIR_HOST_NATS_NATS_LINK_H_
