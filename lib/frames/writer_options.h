#ifndef WEIR_LIB_FRAMES_WRITER_OPTIONS_H_
#define WEIR_LIB_FRAMES_WRITER_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/client/backoff.h"
#include "lib/frames/log.h"
#include "lib/frames/tls_options.h"

namespace weir::frames {

struct WriterOptions {
  std::string address;  // "host:port"; see socket.h.
  // Longest payload, bytes; 0 is kDefaultMaxMessageSize. As the peer's.
  uint32_t max_message_size = 0;
  // Whether to speak TLS, and how.
  std::optional<TlsOptions> tls;
  absl::Duration connect_timeout = absl::Seconds(5);  // TLS's handshake, too.
  // The wait before each next attempt to connect. It begins anew after a
  // connection that lasted longer than `backoff.maximum`, or that could send.
  client::BackoffOptions backoff = {absl::Milliseconds(100), absl::Seconds(30)};
  // Attempts in a row that failed before the writer gives up: what waits
  // becomes errored, and only Reopen tries again. 0: it never gives up.
  int max_attempts = 0;
  // How long Write waits for a connection that is not there. Zero: Write fails
  // with the connection, as the original's does.
  absl::Duration write_patience = absl::ZeroDuration();
  // Unsent frames that are kept, bytes with headers.
  size_t max_unsent_bytes = size_t{64} << 20;
  // Whether Write and Post wait for room where there is none, or refuse. A Post
  // from on_message does not wait.
  bool wait_for_room = false;
  // Messages kept for TakeErrored, bytes; beyond it the oldest are dropped, and
  // counted.
  size_t max_errored_bytes = size_t{64} << 20;
  // Takes what the peer sends back, message by message, in the writer's thread;
  // valid during the call. It may Post, and must not Write. Empty: read and
  // thrown away.
  std::function<void(absl::string_view message)> on_message;
  // Says that a connection broke, or could not be made, and why; with no lock.
  // It may ask for statistics and Reopen, and must not Write, Post, Flush or
  // Close. Empty: nothing.
  LogLine log;
};

}  // namespace weir::frames

#endif  // WEIR_LIB_FRAMES_WRITER_OPTIONS_H_
