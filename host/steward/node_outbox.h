#ifndef WEIR_HOST_STEWARD_NODE_OUTBOX_H_
#define WEIR_HOST_STEWARD_NODE_OUTBOX_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/control/steward_outbox.h"
#include "host/control/steward_undelivered.h"
#include "host/nats/nats_options.h"
#include "host/pipeline/event_sink.h"
#include "host/steward/nats_transport.h"
#include "host/steward/outbox_intake.h"
#include "host/steward/outbox_keeper.h"
#include "host/steward/outbox_store.h"
#include "host/steward/steward_sender.h"
#include "host/sync/backoff.h"
#include "host/sync/clock.h"
#include "host/sync/mutex.h"
#include "host/sync/token_bucket.h"

namespace weir {

struct NodeOutboxOptions {
  std::string source;  // "sources/central": who says its events and log lines.
  StewardIdentity identity;
  std::string error_node;  // Empty: errors are sent to nobody.
  // Who is told that the node is there, at each connect and then so often;
  // empty: nobody.
  std::string central_node;
  absl::Duration hello_interval = absl::Seconds(30);
  NatsServerOptions server;
  bool shared_reply_subject = false;
  absl::Duration min_retry_wait = absl::Milliseconds(500);
  // Of what waits, and again of what was given up.
  uint64_t max_bytes = uint64_t{256} << 20;
  BackoffOptions reconnect;
  std::string path;   // Of its file.
  std::string vfs;    // Of SQLite; empty is the system's (tests).
  uint64_t seed = 0;  // Of the jitter.
};

// The outbox of one node: a file, what is sent from it, and a connection of its
// own.
//
//   Post --> writer thread --> file --> sender thread <--> NATS
//                                |
//                                '--> given up
//
// The writer takes all that was posted while it wrote the last time, and syncs
// the file once for it. The sender thread does what StewardSender says; what is
// settled leaves the file in a commit for each turn, which is not synced: after
// kill -9 at most what was answered within a turn is sent again, after a power
// failure what was settled since the last message came in.
//
// While the file cannot be written nothing new is taken, and what is settled is
// noted once it can: nothing is lost, but some is sent twice if the host ends
// meanwhile.
//
// Events: "weir.steward.given_up", whose subject is the node that the message
// was for. Start and Stop are called by one thread; all else by any.
class NodeOutbox final : public StewardOutbox {
 public:
  // Opens the file; what waits in it is sent from Start on. `clock` and
  // `events` must outlive the outbox.
  //
  // Errors as of OutboxStore::Open.
  static absl::StatusOr<std::unique_ptr<NodeOutbox>> Open(
      NodeOutboxOptions options, const Clock& clock, EventSink& events);
  ~NodeOutbox() override;  // Stops at once.
  NodeOutbox(const NodeOutbox&) = delete;
  NodeOutbox& operator=(const NodeOutbox&) = delete;

  void Start();
  // Takes nothing more; goes on sending for `limit` at most, while there is a
  // connection and something can be sent. The rest is sent after the next
  // start.
  void Stop(absl::Duration limit) ABSL_LOCKS_EXCLUDED(mu_);

  const std::string& node() const override { return options_.identity.node; }
  steward::Profile profile() const override {
    return options_.identity.profile;
  }
  const std::string& public_key() const override { return public_key_; }
  const std::string& source() const { return options_.source; }

  void Post(std::vector<steward::Message> messages, Done done) override
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Send(std::vector<steward::Message> messages) override
      ABSL_LOCKS_EXCLUDED(mu_);
  void SendNow(steward::Message message) override ABSL_LOCKS_EXCLUDED(mu_);
  void ReportError(absl::string_view text) override ABSL_LOCKS_EXCLUDED(mu_);

  // As of StewardUndelivered, of this one.
  absl::StatusOr<std::vector<UndeliveredMessage>> ListUndelivered(
      uint64_t after, size_t limit);
  absl::Status Resend(const std::vector<uint64_t>& numbers)
      ABSL_LOCKS_EXCLUDED(mu_);

  // "outbox_waiting" (messages), "outbox_waiting_bytes", "outbox_undelivered"
  // (that are kept), and since the start of the host: "outbox_published" (all
  // transmissions), "outbox_repeated" (those that were not the first),
  // "outbox_delivered", "outbox_given_up", "outbox_unanswered",
  // "outbox_no_responders", "outbox_dropped" (of SendNow and ReportError),
  // "outbox_refused" (of Post), "outbox_forgotten" (dropped from those given
  // up), "outbox_connected" (0, 1).
  //
  // And, by the names that the original programs give their metrics, what those
  // mean: "user_messages_total" (taken from others than the node itself),
  // "nats_delivered_total", "nats_messages_failed_acks_total" (given up),
  // "nats_messages_missed_acks_total" (waits in vain),
  // "error_messages_sent_total" (errorLogs taken of ReportError),
  // "messages_processed_id_last" (settled), "in_memory_buffer_messages_current"
  // (begun and not settled) and "db_messages_current" (all that waits).
  std::map<std::string, uint64_t> counters() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // Who hands messages in.
  enum class From : bool { kOthers, kNodeItself };
  struct Posted {
    From from = From::kOthers;
    std::vector<OutboxStore::Entry> entries;
    std::vector<std::pair<std::string, bool>>
        subjects;  // And whether it waits.
    uint64_t bytes = 0;
    Done done;
  };
  // What the sender's thread is to begin.
  struct Added {
    uint64_t number = 0;
    std::string subject;
    bool acknowledged = false;
  };

  NodeOutbox(NodeOutboxOptions options, const Clock& clock, EventSink& events,
             std::unique_ptr<OutboxStore> store);
  absl::Status ReadStore() ABSL_LOCKS_EXCLUDED(mu_);
  void PostFrom(From from, std::vector<steward::Message> messages, Done done)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Where a message goes, as the sender is told it.
  Added Address(uint64_t number, const steward::Message& message) const;
  absl::Status TooLarge(const steward::Message& message, size_t bytes) const;

  void WriterRun() ABSL_LOCKS_EXCLUDED(mu_);
  void Write(std::vector<Posted> posts) ABSL_LOCKS_EXCLUDED(mu_);
  void Written(Posted& post, const absl::Status& status)
      ABSL_LOCKS_EXCLUDED(mu_);

  void SenderRun() ABSL_LOCKS_EXCLUDED(mu_);
  void TakeIn(int64_t now_ns) ABSL_LOCKS_EXCLUDED(mu_);
  void KeepConnected(int64_t now_ns);
  void Lost(const absl::Status& why, int64_t now_ns);
  // Says hello if it is time to. Returns when it is the next time.
  int64_t SayHello(int64_t now_ns) ABSL_LOCKS_EXCLUDED(mu_);
  // Writes what is settled; tries again later if that fails.
  void SaveSettled(int64_t now_ns) ABSL_LOCKS_EXCLUDED(mu_);
  void TellGivenUp(const OutboxStore::GivenUp& one,
                   const steward::Message& message);
  void Wake() ABSL_LOCKS_EXCLUDED(mu_);

  const NodeOutboxOptions options_;
  const Clock& clock_;
  EventSink& events_;
  const std::string public_key_;
  const std::unique_ptr<OutboxStore> store_;

  mutable Mutex mu_;
  CondVar posted_;
  CondVar woken_;
  std::vector<Posted> posts_ ABSL_GUARDED_BY(mu_);
  std::vector<Added> added_ ABSL_GUARDED_BY(mu_);
  std::vector<Outgoing> now_ ABSL_GUARDED_BY(mu_);
  uint64_t last_number_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t bytes_ ABSL_GUARDED_BY(mu_) = 0;  // Of all that waits.
  std::unordered_map<uint64_t, uint64_t> sizes_ ABSL_GUARDED_BY(mu_);
  bool closed_ ABSL_GUARDED_BY(mu_) = false;    // Nothing more is taken.
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;  // The sender is to end.
  bool wake_ ABSL_GUARDED_BY(mu_) = false;
  bool idle_ ABSL_GUARDED_BY(mu_) = false;  // Nothing can be sent just now.
  std::map<std::string, uint64_t> counters_ ABSL_GUARDED_BY(mu_);
  StewardSender::Counters sent_ ABSL_GUARDED_BY(mu_);
  uint64_t in_flight_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t last_settled_ ABSL_GUARDED_BY(mu_) = 0;
  TokenBucket error_tokens_ ABSL_GUARDED_BY(mu_);

  // Of the sender's thread.
  std::mt19937_64 random_;
  NatsTransport transport_;
  OutboxKeeper keeper_;
  StewardSender sender_;
  Backoff backoff_;
  bool linked_ = false;
  bool told_down_ = false;
  int64_t linked_ns_ = 0;
  int64_t connect_ns_ = 0;  // The next attempt.
  int64_t hello_ns_ = 0;    // The next one.
  int64_t save_ns_ = 0;
  bool save_failed_ = false;

  std::thread writer_;
  std::thread sender_thread_;
};

}  // namespace weir

#endif  // WEIR_HOST_STEWARD_NODE_OUTBOX_H_
