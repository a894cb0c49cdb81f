#ifndef WEIR_HOST_SOURCE_NATS_SOURCE_H_
#define WEIR_HOST_SOURCE_NATS_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "host/pipeline/frame_batch.h"
#include "host/source/source.h"
#include "host/sync/clock.h"

namespace weir {

struct NatsOptions {
  // "nats://127.0.0.1:4222" or "tls://...", tried in this order. A user and
  // password in it are used and not shown.
  std::vector<std::string> servers;
  // With the wildcards `*` and `>`. Each message comes once for each subject
  // that it fits.
  std::vector<std::string> subjects;
  // Members of a group share the messages. Empty: this source gets them all.
  std::string queue_group;
  std::string credentials_file;  // .creds; empty is none.
  // Messages that wait for Read. cnats' own default.
  size_t pending_limit = 65536;
  size_t max_payload_bytes = size_t{2} << 20;
  // Dial and greeting, for each server. cnats' own default.
  absl::Duration connect_timeout = absl::Seconds(2);
  std::string ca_file;    // PEM; empty is the system's.
  std::string cert_file;  // PEM; the client's own, if the server wants one.
  std::string key_file;
  bool insecure_skip_verify = false;  // Tests only.
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
  ~NatsSource() override;

  absl::Status Connect() override;
  absl::Status Read(FrameBatch* batch) override;
  void Interrupt() override;
  void Rearm() override;
  const Description& description() const override { return description_; }
  Progress GetProgress() const override;

 private:
  class Inbox;     // Where cnats' threads leave messages.
  struct Handles;  // cnats' own, kept out of this header.

  // Subscribes to all subjects and waits until the server knows them.
  absl::Status Subscribe();
  // Closes the connection, if there is one, and forgets what came by it.
  void Disconnect();

  const NatsOptions options_;
  const Clock& clock_;
  const Description description_;
  // Outlives each connection: Disconnect waits for cnats' last call.
  const std::unique_ptr<Inbox> inbox_;
  const std::unique_ptr<Handles> handles_;
};

}  // namespace weir

#endif  // WEIR_HOST_SOURCE_NATS_SOURCE_H_
