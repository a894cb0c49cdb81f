#ifndef WEIR_LIB_FRAMES_WRITER_H_
#define WEIR_LIB_FRAMES_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/client/backoff.h"
#include "lib/client/mutex.h"
#include "lib/frames/channel.h"
#include "lib/frames/frame_list.h"
#include "lib/frames/frame_parser.h"
#include "lib/frames/send_queue.h"
#include "lib/frames/socket.h"
#include "lib/frames/tls_context.h"
#include "lib/frames/writer_options.h"

namespace weir::frames {

// Sends messages to one listener, from any number of threads, over one
// connection that is made again when it breaks. Frames go out whole and in the
// order in which they were given, many in one system call.
//
//   Write   returns when the kernel has taken the message, or says why not
//   Post    returns when the message is queued; it outlives a broken connection
//
// A frame of which only a part was sent when the connection broke is sent
// again, whole, on the next, and the peer never sees the part as a message. The
// protocol has no acknowledgement: what the kernel had taken and the peer had
// not read is lost. That the peer has closed is noticed before the next message
// is sent.
//
// Thread-safe.
class Writer {
 public:
  struct Stats {
    bool connected = false;
    bool gave_up = false;
    std::string last_error;  // Of the last connection, or attempt at one.
    uint64_t connects = 0;
    uint64_t connect_failures = 0;
    uint64_t breaks = 0;       // Connections that ended, and not by us.
    uint64_t frames_sent = 0;  // Wholly taken by the kernel.
    uint64_t bytes_sent = 0;
    uint64_t send_calls = 0;  // Of the kernel.
    uint64_t unsent_frames = 0;
    uint64_t unsent_bytes = 0;
    uint64_t errored_messages = 0;  // That wait for TakeErrored.
    uint64_t errored_dropped = 0;
    uint64_t received = 0;  // Messages from the peer.
  };

  // Connects, and returns Unavailable if that fails, InvalidArgument for bad
  // options.
  static absl::StatusOr<std::unique_ptr<Writer>> Dial(WriterOptions options);
  // Does not wait for the first connection.
  static absl::StatusOr<std::unique_ptr<Writer>> Open(WriterOptions options);
  // Closes at once.
  ~Writer();

  // Sends a message, behind those that wait, and returns its bytes with the
  // header once the kernel has them all. Blocks while the peer does not read.
  //
  // Returns, and the message is not sent, nor later:
  //   InvalidArgument     longer than max_message_size; the connection goes on
  //   Unavailable         not connected, or it broke; with the reason
  //   ResourceExhausted   max_unsent_bytes wait already, and !wait_for_room
  //   FailedPrecondition  closed
  absl::StatusOr<size_t> Write(absl::string_view message)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Queues a copy of a message and returns its bytes with the header. Errors as
  // Write, but Unavailable only after the writer gave up.
  absl::StatusOr<size_t> Post(absl::string_view message)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Waits until nothing is unsent. DeadlineExceeded if `timeout` passed first,
  // Unavailable if the writer gave up, or if messages became errored meanwhile,
  // or by Close, and nobody has taken them.
  absl::Status Flush(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mu_);

  // Connects anew, at once, whatever the back-off says, and also after giving
  // up. Does not wait for it.
  //
  // Returns FailedPrecondition after Close.
  absl::Status Reopen() ABSL_LOCKS_EXCLUDED(mu_);

  // Takes no more; sends what waits, at most for `drain`, and gives the peer
  // what is left of that time to read it all and close; then closes. What is
  // unsent becomes errored, and then it returns DeadlineExceeded. Any number of
  // times; not from on_message.
  absl::Status Close(absl::Duration drain) ABSL_LOCKS_EXCLUDED(mu_);

  // Takes the payloads that were queued and will not be sent, oldest first: for
  // another writer, or a file.
  std::vector<std::string> TakeErrored() ABSL_LOCKS_EXCLUDED(mu_);

  Stats GetStats() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  enum class State { kDisconnected, kConnected, kGaveUp, kClosed };

  Writer(WriterOptions options, Socket wake);
  static absl::StatusOr<std::unique_ptr<Writer>> Begin(WriterOptions options,
                                                       bool connect);

  // The thread: connects, sends what waits, reads what comes.
  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  // Makes one attempt, after the back-off's wait.
  void ConnectOnce() ABSL_LOCKS_EXCLUDED(mu_);
  void Connected(Channel channel) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Sends what it can, and sleeps until there is something to do.
  void ServeOnce() ABSL_LOCKS_EXCLUDED(mu_);
  void ReadReplies(Pipe pipe) ABSL_LOCKS_EXCLUDED(mu_);
  // Says the peer has all, and waits until it has closed, or until `end`.
  void SayGoodbye(Pipe pipe, absl::Time end) ABSL_LOCKS_EXCLUDED(mu_);

  // Returns OK if a message of `bytes` may be queued now; may wait.
  absl::Status Admit(absl::string_view message)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Makes one call of the kernel, without the lock. Only one thread at a time
  // does, which has set sending_.
  void SendOnce() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The connection is no good any more; Run does what follows.
  void Break(absl::string_view why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Ends the connection, once nobody uses it.
  void Disconnect() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void GiveUp() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void KeepErrored() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status NotConnected() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Gives options_.log a line, without the lock: do it last.
  void Log(absl::string_view line) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Ends the thread's sleep.
  void WakeThread() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const WriterOptions options_;
  const uint64_t max_;
  const size_t header_size_;
  Socket wake_;  // An eventfd.
  const std::unique_ptr<TlsContext> tls_;
  absl::BitGen random_;
  client::Backoff backoff_;  // The thread's, as are the next three.
  std::unique_ptr<FrameParser> parser_;
  std::vector<char> space_;
  FrameList replies_;

  mutable client::Mutex mu_;
  client::CondVar changed_;
  State state_ ABSL_GUARDED_BY(mu_) = State::kDisconnected;
  Channel channel_ ABSL_GUARDED_BY(mu_);
  SendQueue queue_ ABSL_GUARDED_BY(mu_);
  bool sending_ ABSL_GUARDED_BY(mu_) = false;  // Someone is in SendOnce.
  bool full_ ABSL_GUARDED_BY(mu_) = false;     // The kernel's buffer is.
  bool broken_ ABSL_GUARDED_BY(mu_) = false;
  bool asleep_ ABSL_GUARDED_BY(mu_) = false;  // The thread is.
  bool reopen_ ABSL_GUARDED_BY(mu_) = false;
  bool closing_ ABSL_GUARDED_BY(mu_) = false;  // Nothing more is taken.
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  absl::Time goodbye_until_ ABSL_GUARDED_BY(mu_);
  absl::Time connected_at_ ABSL_GUARDED_BY(mu_);
  bool sent_on_this_ ABSL_GUARDED_BY(mu_) = false;
  int attempts_ ABSL_GUARDED_BY(mu_) = 0;  // In a row that failed.
  std::deque<std::string> errored_ ABSL_GUARDED_BY(mu_);
  size_t errored_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t ever_errored_ ABSL_GUARDED_BY(mu_) = 0;
  Stats stats_ ABSL_GUARDED_BY(mu_);
  std::thread thread_ ABSL_GUARDED_BY(mu_);
};

}  // namespace weir::frames

#endif  // WEIR_LIB_FRAMES_WRITER_H_
