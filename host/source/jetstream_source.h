#ifndef WEIR_HOST_SOURCE_JETSTREAM_SOURCE_H_
#define WEIR_HOST_SOURCE_JETSTREAM_SOURCE_H_

#include <nats.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/nats/jetstream_api.h"
#include "host/pipeline/frame_batch.h"
#include "host/source/jetstream_acks.h"
#include "host/source/nats_connection.h"
#include "host/source/source.h"
#include "host/sync/clock.h"
#include "host/sync/mutex.h"

namespace weir {

struct JetStreamOptions {
  // Its limits are of the connection; the source sets them itself.
  NatsServerOptions server;
  JetStreamConsumer consumer;
  // Whether what a handler lost is acknowledged; else it is given back.
  bool ack_incomplete = true;
  // What is longer is ended for good (+TERM), and counted.
  size_t max_payload_bytes = size_t{2} << 20;
  // How many messages are completed together, at most. What a handler loses of
  // a batch, all of the batch is given back for; 1 is exact.
  size_t batch_messages = 1;
  // A request for messages is good for `pull_expiry`; the server gives a sign
  // of life each `heartbeat` while there are none, and one that does not for
  // three of them is taken for dead.
  absl::Duration pull_expiry = absl::Seconds(30);
  absl::Duration heartbeat = absl::Seconds(3);
  // How long what is handled at the end is still acknowledged.
  absl::Duration stop_budget = absl::Milliseconds(500);
};

// A stream of a JetStream server, by a durable pull consumer, which all who
// share it divide among themselves. A frame is a message's bytes; its subject,
// the time at which the stream stored it and whether it was delivered before go
// with it. What handlers are done with is acknowledged; what is not comes
// again, here or elsewhere, so nothing is lost by a crash or an outage.
//
// Pressure: it asks for messages only as they are read, so a handler with the
// policy `block` holds the stream, and the server gives out no more than
// max_ack_pending.
//
// The consumer is made if it is not there. One that is there and is otherwise
// than the configuration says is an error that names the differences.
//
//   what happens                              error
//   no server, no answer, silence             connect, read_timeout: try again
//   there is no such stream; JetStream is     upstream, try again: whoever
//   makes off; the consumer goes away               it need not tell us the
//   consumer is another; a filter that    upstream, final the stream does not
//   have wrong user; a subject that is forbidden   auth, final a name that is
//   none                       protocol, final the server goes end_of_stream,
//   try again
//
// As for threads, see Source. Receipts may outlive it.
class JetStreamSource final : public Source {
 public:
  // `clock` must outlive the source and its receipts, and must be a real one.
  JetStreamSource(JetStreamOptions options, const Clock& clock);
  ~JetStreamSource() override;

  absl::Status Connect() override ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Read(FrameBatch* batch) override ABSL_LOCKS_EXCLUDED(mu_);
  void Interrupt() override;
  void Rearm() override;
  const Description& description() const override { return description_; }
  Progress GetProgress() const override ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // Finds or makes the consumer.
  absl::Status Bind();
  absl::StatusOr<JetStreamAnswer> Call(const std::string& subject,
                                       const std::string& request);
  // Asks for more messages, if few of those that were asked for are to come.
  absl::Status Pull();
  // Takes what came instead of messages.
  absl::Status TakeStatus(natsMsg* message);
  void TakeMessage(natsMsg* message, FrameBatch* batch,
                   std::vector<JetStreamAcks::Message>* taken);
  // Nothing is read any more: gives back what came and was not read.
  void GiveBack();

  const JetStreamOptions options_;
  const Clock& clock_;
  NatsConnection connection_;
  const Description description_;
  const std::shared_ptr<JetStreamAcks> acks_;

  // Of the thread that connects and reads.
  std::string inbox_;  // With the dot; new with each connection.
  uint64_t forbidden_before_ = 0;
  std::string created_;    // When the consumer was made.
  int64_t max_batch_ = 0;  // As JetStreamAnswer has them.
  absl::Duration max_expires_;
  uint64_t to_come_ = 0;  // Messages that were asked for and did not come.
  size_t largest_ = 0;    // Of late, for how many to ask for.
  absl::Status end_;      // What the server said, for the next Read.
  std::vector<natsMsg*> messages_;

  std::atomic<bool> interrupted_{false};
  std::atomic<uint64_t> pulls_{0}, delivered_{0}, redelivered_{0}, again_{0},
      too_long_{0}, unknown_{0}, given_back_{0};
  mutable Mutex mu_;
  uint64_t last_sequence_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t pending_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_SOURCE_JETSTREAM_SOURCE_H_
