#ifndef WEIR_TESTS_FAKES_FAKE_WEIR_SERVER_H_
#define WEIR_TESTS_FAKES_FAKE_WEIR_SERVER_H_

#include <grpcpp/server.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "lib/client/mutex.h"
#include "weir/v1/event.grpc.pb.h"
#include "weir/v1/plugin.grpc.pb.h"
#include "weir/v1/source.grpc.pb.h"
#include "weir/v1/stats.grpc.pb.h"
#include "weir/v1/steward.grpc.pb.h"
#include "weir/v1/subscription.grpc.pb.h"

namespace weir {

// How one stream of a FakeWeirServer goes. As it stands it is an honest one:
// hello, the log after the start position, caught_up, and then what is
// appended, until the client leaves.
struct StreamPlan {
  using Response = weir::v1::SubscribeResponse;

  // Refuses the call at once.
  std::optional<grpc::Status> refuse;
  int events_per_message = 1;
  // Ends the stream after so many messages, hello included: with this status.
  std::optional<int> end_after_messages;
  grpc::Status end = {grpc::StatusCode::UNAVAILABLE, "the fake ends it"};
  // Sends the message with this batch_index twice, its index too.
  std::optional<uint64_t> repeat_message;
  // Leaves out the message with this batch_index: the one after it follows.
  std::optional<uint64_t> skip_message;
  // Starts so many events before the position that was asked for.
  uint64_t resend_events = 0;
  // Sent right after hello.
  std::optional<Response::Gap> gap;
  std::optional<Response::Notice> notice;
  // Never sends a first message.
  bool no_hello = false;
  // Sends hello and heartbeats alone, however much is in the log.
  bool only_heartbeats = false;
  // Sends nothing more after hello.
  bool silent_after_hello = false;
  // Announced in hello.
  absl::Duration heartbeat_interval = absl::Seconds(15);
};

// Answers as a weir host does, over real gRPC on a free port of 127.0.0.1, out
// of what the test puts in. Streams follow the plans in the order in which they
// begin; streams after the last plan are honest. Thread-safe.
class FakeWeirServer {
 public:
  static constexpr char kEpoch[] = "6f1c";

  FakeWeirServer();
  // Ends all streams.
  ~FakeWeirServer();

  // "127.0.0.1:PORT".
  const std::string& address() const { return address_; }

  // Appends an event to the log; gives it its id and seq, from 1.
  void Append(weir::v1::Event event = {}) ABSL_LOCKS_EXCLUDED(mu_);
  void Plan(StreamPlan plan) ABSL_LOCKS_EXCLUDED(mu_);

  // What the unary calls answer with; set before calling.
  weir::v1::Stats stats;
  weir::v1::ServerInfo server_info;
  // What changes a plugin answers with it as it is here; LoadPlugin with the
  // first one.
  std::vector<weir::v1::Plugin> plugins;
  // What UnloadPlugin tells.
  uint64_t discarded_messages = 0;
  std::vector<weir::v1::Source> sources;
  // What StartProcess and StopProcess answer with, as it is here, by method.
  std::vector<weir::v1::StewardProcessStatus> processes;
  // How many items a page of plugins, sources, processes and
  // subscriptions holds at most.
  int page_size = 50;

  // What came in.
  std::vector<weir::v1::SubscribeRequest> subscribes() const
      ABSL_LOCKS_EXCLUDED(mu_);
  // "PausePlugin name: \"plugins/counts\"", in the order of the calls.
  std::vector<std::string> plugin_calls() const ABSL_LOCKS_EXCLUDED(mu_);
  // "pause sources/ris-live maintenance", in the order of the calls.
  std::vector<std::string> source_calls() const ABSL_LOCKS_EXCLUDED(mu_);
  // "StopProcess method: \"REQPing\"", without the request_id, which was there.
  std::vector<std::string> steward_calls() const ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<std::string> acknowledged() const ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<weir::v1::Subscription> subscriptions() const
      ABSL_LOCKS_EXCLUDED(mu_);

  // NOT_FOUND and the like, with the details that a host attaches.
  static grpc::Status Error(grpc::StatusCode code, const std::string& message,
                            const std::string& reason,
                            std::optional<absl::Duration> retry = {});

 private:
  using Response = weir::v1::SubscribeResponse;
  using Writer = grpc::ServerWriter<Response>;
  class Events;
  class Stats;
  class Plugins;
  class Sources;
  class Steward;
  class Subscriptions;
  struct Stream;

  StreamPlan TakePlan() ABSL_LOCKS_EXCLUDED(mu_);
  // Plays one stream from after `seq`.
  grpc::Status Play(grpc::ServerContext* context, Writer* writer, uint64_t seq,
                    bool stop_at_latest, const std::string& lease_id)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Takes up to `count` events after `seq`, waiting for one if there is none.
  // Empty when the stream is over, or for a client that wants no live tail.
  std::vector<weir::v1::Event> Next(grpc::ServerContext* context, uint64_t seq,
                                    int count, bool wait)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Lets a moment pass. False once the stream is over.
  bool Linger(grpc::ServerContext* context) ABSL_LOCKS_EXCLUDED(mu_);
  // Waits until the client leaves or the server stops.
  void WaitForEnd(grpc::ServerContext* context) ABSL_LOCKS_EXCLUDED(mu_);
  uint64_t StartSeq(const weir::v1::StartPosition& start)
      ABSL_LOCKS_EXCLUDED(mu_);

  mutable client::Mutex mu_;
  client::CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::deque<StreamPlan> plans_ ABSL_GUARDED_BY(mu_);
  std::vector<weir::v1::Event> log_ ABSL_GUARDED_BY(mu_);
  std::vector<weir::v1::SubscribeRequest> subscribes_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> plugin_calls_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> source_calls_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> steward_calls_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> acknowledged_ ABSL_GUARDED_BY(mu_);
  std::vector<weir::v1::Subscription> subscriptions_ ABSL_GUARDED_BY(mu_);

  std::vector<std::unique_ptr<grpc::Service>> services_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

}  // namespace weir

#endif  // WEIR_TESTS_FAKES_FAKE_WEIR_SERVER_H_
