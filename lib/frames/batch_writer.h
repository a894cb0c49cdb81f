#ifndef WEIR_LIB_FRAMES_BATCH_WRITER_H_
#define WEIR_LIB_FRAMES_BATCH_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/frames/channel.h"
#include "lib/frames/log.h"
#include "lib/frames/send_queue.h"
#include "lib/frames/socket.h"
#include "lib/frames/tls_context.h"
#include "lib/frames/tls_options.h"

namespace weir::frames {

struct BatchWriterOptions {
  std::string address;  // "host:port"; see socket.h.
  // Longest payload, bytes; 0 is kDefaultMaxMessageSize. As the peer's.
  uint32_t max_message_size = 0;
  // Whether to speak TLS, and how.
  std::optional<TlsOptions> tls;
  absl::Duration connect_timeout = absl::Seconds(5);  // TLS's handshake, too.
  // A peer that takes nothing for so long is told of once, and once more when
  // it goes on. It is waited for all the same.
  absl::Duration stall = absl::Seconds(10);
  LogLine log;  // Empty: nothing.
};

// Sends messages to one listener, batch by batch, and says of each batch how
// much of it has arrived at the peer's machine. For a caller that keeps what
// did not, and tries it again when it likes; Writer does that by itself, and
// knows only what the own kernel took.
//
// The protocol has no acknowledgement, but TCP does. A batch has arrived when
// the peer's kernel has acknowledged each byte of it, on a connection that
// nobody had reset by then. What the peer's program does not read after that,
// since it dies or closes, is lost. A connection that ends earlier takes the
// whole batch with it, also what was acknowledged of it: whether that was read
// is not known, and who sends the batch again loses nothing.
//
// A batch takes as long as the peer's acknowledgement: on Linux up to 40 ms for
// a small one, since the peer waits for something to send it with. A peer that
// does not read is waited for, for as long as its machine answers: a new
// connection would only fill the next buffer that nobody reads.
//
// Connects when there is something to send. What the peer sends back is thrown
// away.
//
// One thread writes; Interrupt may be called by any.
class BatchWriter {
 public:
  struct Result {
    // Messages, from the first on, that have arrived. After an error none, but
    // after Cancelled those that had.
    size_t arrived = 0;
    // Whether there was a connection to send on.
    bool connected = false;
    absl::Status error;
  };

  explicit BatchWriter(BatchWriterOptions options);

  BatchWriter(const BatchWriter&) = delete;
  BatchWriter& operator=(const BatchWriter&) = delete;

  // Sends `messages` in their order, with as few system calls as may be, and
  // waits until they have arrived. Connects if need be, once.
  //
  //   InvalidArgument   one is longer than the longest message: nothing is sent
  //   Unavailable       cannot connect, or the connection ended; with the
  //                     address and the reason
  //   Cancelled         Interrupt was called
  //
  // After an error the next batch goes over a new connection, so it begins with
  // a whole frame.
  Result Write(std::span<const std::string> messages);

  // Makes the running Write and every later one return soon. Thread-safe.
  void Interrupt();

 private:
  absl::Status Connect();
  // Gives the kernel all of it.
  absl::Status Send(SendQueue* queue);
  absl::Status AwaitArrival();
  // Waits for `events` of the connection, and reads what the peer says.
  absl::Status Await(short events, absl::Duration timeout);
  // Reads what the peer says, and throws it away. Unavailable at its end.
  absl::Status ReadAway();
  // Notices a stall; `waiting` are the bytes that have not arrived.
  void WatchStall(size_t waiting);
  absl::Status Ended(absl::string_view why) const;

  const BatchWriterOptions options_;
  const uint64_t max_;
  const size_t header_size_;
  Socket wake_;  // An eventfd.
  const std::unique_ptr<TlsContext> tls_;
  Channel channel_;
  bool peer_closed_ = false;  // And did not reset.
  std::vector<char> space_;

  size_t waiting_ = 0;
  absl::Time moved_at_;
  bool stalled_ = false;
};

}  // namespace weir::frames

#endif  // WEIR_LIB_FRAMES_BATCH_WRITER_H_
