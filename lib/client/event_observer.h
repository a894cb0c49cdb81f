#ifndef WEIR_LIB_CLIENT_EVENT_OBSERVER_H_
#define WEIR_LIB_CLIENT_EVENT_OBSERVER_H_

#include <string>

#include "absl/time/time.h"
#include "lib/client/call_status.h"
#include "weir/v1/event.pb.h"

namespace weir::client {

// What an EventClient tells its program. Every call comes from the thread that
// is in EventClient::Run, in the order of the log; the client reads on when it
// returns, so a slow observer slows the stream down and loses nothing. An
// observer may call EventClient::Stop and EventClient::cursor.
class EventObserver {
 public:
  using Response = weir::v1::SubscribeResponse;

  virtual ~EventObserver() = default;

  // An event that was not handed over before. `cursor()` moves past it when
  // this returns.
  virtual void OnEvent(const weir::v1::Event& event) = 0;

  // A stream stands: the first one, or one that resumes.
  virtual void OnHello(const Response::Hello&) {}

  // Events between two positions are gone; what follows is after the hole. With
  // `resync_required`, rebuild what was derived from the events.
  virtual void OnGap(const Response::Gap&) {}

  // The replay is over; what follows is live.
  virtual void OnCaughtUp(const Response::CaughtUp&) {}

  // Nothing matched for a while, and the connection lives.
  virtual void OnHeartbeat(const Response::Heartbeat&) {}

  // The server says something about itself, such as SERVER_DRAINING.
  virtual void OnNotice(const Response::Notice&) {}

  // Everything up to `cursor` was handed over, also what a filter left out:
  // what a program keeps that stores its position together with what it did.
  // Comes last of each message but the one with OnHello, whether it moved or
  // not.
  virtual void OnCursor(const std::string& /*cursor*/) {}

  // The stream ended with `why`, and the next one starts after `delay`. Nothing
  // is lost by it: the next one resumes from the cursor.
  virtual void OnReconnect(const CallStatus& /*why*/,
                           absl::Duration /*delay*/) {}
};

}  // namespace weir::client

#endif  // WEIR_LIB_CLIENT_EVENT_OBSERVER_H_
