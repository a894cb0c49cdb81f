#ifndef WEIR_LIB_CLIENT_EVENT_CLIENT_H_
#define WEIR_LIB_CLIENT_EVENT_CLIENT_H_

#include <grpcpp/channel.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>

#include "absl/base/thread_annotations.h"
#include "absl/random/bit_gen_ref.h"
#include "absl/time/time.h"
#include "lib/client/backoff.h"
#include "lib/client/call_status.h"
#include "lib/client/clock.h"
#include "lib/client/cursor_file.h"
#include "lib/client/event_observer.h"
#include "lib/client/mutex.h"
#include "lib/client/response_stream.h"
#include "lib/client/sleeper.h"
#include "lib/client/stream_checker.h"
#include "weir/v1/event.pb.h"
#include "weir/v1/subscription.pb.h"

namespace weir::client {

// What an EventClient follows, and how.
struct EventClientOptions {
  // Subscribe: `start` says where the first stream begins; later ones resume.
  // Consume: the server keeps the cursor; the client acknowledges what the
  // observer has returned from, unless `auto_ack` is set.
  std::variant<weir::v1::SubscribeRequest, weir::v1::ConsumeRequest> request;
  // Return from Run when the first connection does not come about, instead of
  // trying for ever. For people at a prompt, who mistyped the address.
  bool first_connect_must_work = false;
  // How long Hello may take. Longer than gRPC's own try to connect (20 s) would
  // have no effect on a dead address.
  absl::Duration hello_timeout = absl::Seconds(20);
  BackoffOptions backoff;
};

// Follows an event log: hands over each event once, in order, across
// connections that break, servers that restart and streams that break their
// contract.
//
//   +--> Open --> Hello --> Read --> observer --> cursor file --> Read ...
//   |      |        |         |
//   |      +--------+---------+-- ended, silent, or against the contract
//   |                         v
//   +------ SleepFor(backoff, or what the server asked for)
//
// Silent means: nothing came, heartbeats included, for 2.5 times the heartbeat
// interval that Hello announced; one heartbeat may be late, two may not.
//
// Exactly once holds while the client lives. Across its end it is what the
// cursor makes of it: with a cursor file an event is handed over again if the
// program died between the observer and the file (at least once).
//
// Stop may be called from any thread, all else from the one that is in Run.
class EventClient {
 public:
  // A connection that lived for longer than this was a good one: the next wait
  // is a short one again.
  static constexpr absl::Duration kGoodConnection = absl::Seconds(10);

  // Opens a connection; called for each stream anew.
  using Connect = std::function<std::shared_ptr<grpc::ChannelInterface>()>;

  // All references must outlive the client. `cursor_file` may be null; else
  // what it holds beats `start`, and it is only for Subscribe.
  EventClient(EventClientOptions options, Connect connect,
              EventObserver& observer, const Clock& clock, Sleeper& sleeper,
              absl::BitGenRef random, CursorFile* cursor_file = nullptr);

  EventClient(const EventClient&) = delete;
  EventClient& operator=(const EventClient&) = delete;

  // Follows the log until Stop, until the end with `stop_at_latest` (OK in both
  // cases), or until an error that trying again does not cure
  // (IsWorthRetrying), which it returns decoded. A cursor file that cannot be
  // read or written is such an error, too: going on would break its promise.
  // Once.
  CallStatus Run() ABSL_LOCKS_EXCLUDED(mu_);

  // Makes Run return, soon: after the event that the observer is at. Safe to
  // call twice, and before Run.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

  // The position that everything was handed over up to; empty before the first
  // Hello. Only for Run's thread.
  const std::string& cursor() const { return cursor_; }

  // Cumulative; readable from any thread.
  uint64_t events() const { return events_; }          // handed over
  uint64_t duplicates() const { return duplicates_; }  // came again, not handed
  uint64_t violations() const { return violations_; }  // dropped streams
  uint64_t reconnects() const {
    return reconnects_;
  }  // streams after the first

 private:
  // How one stream ended.
  struct End {
    CallStatus status;
    bool retry = false;
  };

  CallStatus Prepare();
  End FollowOneStream() ABSL_LOCKS_EXCLUDED(mu_);
  End Follow(ResponseStream& stream);
  std::unique_ptr<ResponseStream> Open();
  // Hands over what `response` says; then makes it lasting.
  CallStatus Deliver(const weir::v1::SubscribeResponse& response,
                     ResponseStream& stream);
  void DeliverHello(const weir::v1::SubscribeResponse& response);
  void DeliverEvents(const weir::v1::SubscribeResponse& response);
  CallStatus Keep(ResponseStream& stream);
  CallStatus Acknowledge(ResponseStream& stream);
  End Judge(CallStatus status);
  bool stopped() const ABSL_LOCKS_EXCLUDED(mu_);

  EventClientOptions options_;
  const Connect connect_;
  EventObserver& observer_;
  const Clock& clock_;
  Sleeper& sleeper_;
  CursorFile* const cursor_file_;

  Backoff backoff_;
  StreamChecker checker_;
  std::string cursor_;
  std::string kept_cursor_;     // of the file, or acknowledged
  std::string lease_id_;        // Consume only
  bool had_hello_ = false;      // on any stream
  bool lost_to_other_ = false;  // the lease was taken, not dropped
  absl::Duration silence_limit_;
  absl::Duration asked_wait_;  // by the last Notice

  std::atomic<uint64_t> events_ = 0;
  std::atomic<uint64_t> duplicates_ = 0;
  std::atomic<uint64_t> violations_ = 0;
  std::atomic<uint64_t> reconnects_ = 0;

  mutable Mutex mu_;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  ResponseStream* stream_ ABSL_GUARDED_BY(mu_) = nullptr;
};

}  // namespace weir::client

#endif  // WEIR_LIB_CLIENT_EVENT_CLIENT_H_
