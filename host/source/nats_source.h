#ifndef WEIR_HOST_SOURCE_NATS_SOURCE_H_
#define WEIR_HOST_SOURCE_NATS_SOURCE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "host/pipeline/frame_batch.h"
#include "host/source/nats_connection.h"
#include "host/source/source.h"
#include "host/sync/clock.h"

namespace weir {

struct NatsOptions : NatsServerOptions {
  // With the wildcards `*` and `>`. Each message comes once for each subject
  // that it fits.
  std::vector<std::string> subjects;
  // Members of a group share the messages. Empty: this source gets them all.
  std::string queue_group;
};

// Subjects of core NATS, by cnats: each message's bytes are a frame, and its
// subject goes with it. Frames of all subjects come in the order in which the
// server sent them.
//
// Core NATS has no flow control and keeps nothing: what is published while the
// connection is down is not seen, and what waits beyond `pending_limit` is lost
// and counted as "pending_limit". The newest are lost, as cnats does it. Longer
// payloads than `max_payload_bytes` are skipped and counted as "too_long".
//
//   what happens                              error
//   no server answers                         connect, try again
//   wrong user, token or certificate          auth, final
//   a subject that may not be subscribed to   auth, final
//   TLS fails; a file of it is bad            tls, try again; final
//   a subject that is none                    protocol, final
//   the server goes, or drops a slow reader   end_of_stream, try again
//
// Interrupt ends Read at once, and Connect only when the server being tried has
// answered or timed out: cnats cannot be told to stop.
class NatsSource final : public Source {
 public:
  // Does not connect, and so says nothing yet of bad options. `clock` must
  // outlive the source.
  NatsSource(NatsOptions options, const Clock& clock);
  absl::Status Connect() override;
  absl::Status Read(FrameBatch* batch) override;
  void Interrupt() override;
  void Rearm() override;
  const Description& description() const override { return description_; }
  Progress GetProgress() const override;

 private:
  const NatsOptions options_;
  const Clock& clock_;
  NatsConnection connection_;
  const Description description_;
  std::vector<natsMsg*> messages_;  // Of the last batch; the connection's.
};

}  // namespace weir

#endif  // WEIR_HOST_SOURCE_NATS_SOURCE_H_
