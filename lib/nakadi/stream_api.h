#ifndef WEIR_LIB_NAKADI_STREAM_API_H_
#define WEIR_LIB_NAKADI_STREAM_API_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/client/mutex.h"
#include "lib/client/sleeper.h"
#include "lib/nakadi/backoff.h"
#include "lib/nakadi/batch.h"
#include "lib/nakadi/clock.h"
#include "lib/nakadi/committer.h"
#include "lib/nakadi/cursor.h"
#include "lib/nakadi/event_stream.h"
#include "lib/nakadi/options.h"

namespace weir::nakadi {

// go-nakadi's stream options, with its defaults; what it has not is behind.
struct StreamOptions {
  uint32_t batch_limit = 0;      // 0: the server's, 1.
  absl::Duration flush_timeout;  // Zero: the server's, 30 s.
  uint32_t max_uncommitted_events = 10;
  absl::Duration initial_retry_interval = absl::Milliseconds(10);
  absl::Duration max_retry_interval = absl::Seconds(10);
  // Between openings while all slots are taken (409); doubles.
  absl::Duration standby_initial = absl::Seconds(1);
  absl::Duration standby_max = absl::Seconds(30);
  absl::Duration commit_max_elapsed_time = absl::Seconds(30);
  bool commit_retry = false;
  // A failure, what it was (GetError), and the wait before the next try; zero
  // if there is none. The end of a stream is told here, and is no error of
  // NextEvents.
  std::function<void(const absl::Status&, absl::Duration)> notify_err;
  // After each opening, each commit, and the first line after trouble.
  std::function<void()> notify_ok;

  // Whether batches are committed by CommitLater, instead of CommitCursor, and
  // when those are sent. Each batch must then be given to it once.
  bool commit_later = false;
  CommitStrategy strategy;  // retry and max_elapsed are replaced by the above.

  StreamParameters more;  // Its first three names are replaced by ours above.
  uint64_t seed = 0;      // Of the jitter; 0 is a seed by chance.
};

// Reads a subscription batch by batch, whatever becomes of the connection:
//
//   StreamApi stream(client, id, {.batch_limit = 100});
//   while (true) {
//     const absl::StatusOr<StreamApi::Batch> batch = stream.NextEvents();
//     if (!batch.ok()) break;
//     Handle(batch->events);
//     stream.CommitCursor(batch->cursor);
//   }
//
// Streams are opened and read by NextEvents, in its caller's thread: nothing is
// read ahead, so nothing of a dead stream is ever handed out.
//
// One thread calls NextEvents; all else may be called by any.
class StreamApi {
 public:
  struct Batch {
    Cursor cursor;
    absl::string_view events;  // "[...]", raw; valid until the next NextEvents.
    size_t count = 0;
    std::string info;     // info.debug, if there was any.
    uint64_t stream = 0;  // Which of our streams, from 1; rises.
    uint64_t number = 0;  // For CommitLater.
  };

  StreamApi(const ClientOptions& client, std::string subscription_id,
            StreamOptions options);
  // For tests. `clock` must outlive it; `sleeper` waits between openings.
  StreamApi(const ClientOptions& client, std::string subscription_id,
            StreamOptions options, const Clock& clock,
            std::unique_ptr<client::Sleeper> sleeper);
  ~StreamApi();  // Closes.

  StreamApi(const StreamApi&) = delete;
  StreamApi& operator=(const StreamApi&) = delete;

  // Blocks until there is a batch that has events.
  //
  // Returns Cancelled after Close, always. Returns InvalidArgument at once if
  // the options make no sense, and PermissionDenied, NotFound or
  // InvalidArgument if the server refuses in a way that waiting does not cure
  // (403, 404, 400, 412, 422); the next call then waits and tries again.
  absl::StatusOr<Batch> NextEvents();

  // Commits `cursor` and all before it in its partition, and waits for it.
  // Calls of several threads share requests. Commit in the order received.
  //
  // Returns the error, which notify_err was told, if the server did not accept
  // it, and Cancelled after Close.
  absl::Status CommitCursor(const Cursor& cursor);

  // Says that the batch of `cursor`, one of NextEvents, is done; it is
  // committed soon, behind the caller's back, as soon as all before it in its
  // partition are. Cheap. What comes of it is told by notify_err, notify_ok.
  // Only with `commit_later`.
  void CommitLater(const Batch& batch);

  // Hangs up. Returns OK, at once; NextEvents returns. What CommitLater still
  // has is committed before, for at most `budget`.
  absl::Status Close(absl::Duration budget = absl::ZeroDuration());

  Committer::Counts commit_counts() const { return committer_->counts(); }

 private:
  // Opens a stream, after the wait that is due. Returns an error that waiting
  // does not cure, OK otherwise.
  absl::Status Open() ABSL_LOCKS_EXCLUDED(mu_);
  // A commit says that the stream `id`, empty for the one that is open, is no
  // more.
  void NoteDead(const std::string& id) ABSL_LOCKS_EXCLUDED(mu_);
  bool OpenIsDead() ABSL_LOCKS_EXCLUDED(mu_);
  // The stream is over, or did not come about.
  void Fail(const absl::Status& why);
  // Takes the next line that was read. Returns whether it is a batch.
  bool TakeLine(Batch* batch);
  void NotifyOk() const {
    if (options_.notify_ok) options_.notify_ok();
  }

  const std::string subscription_id_;
  const StreamOptions options_;
  const StreamParameters parameters_;
  const std::unique_ptr<client::Sleeper> sleeper_;
  Backoff backoff_;
  EventStream stream_;
  std::unique_ptr<Committer> committer_;
  BatchReader reader_;

  // Of the thread that reads.
  std::vector<absl::string_view> lines_;
  size_t next_line_ = 0;
  uint64_t generation_ = 0;
  bool open_ = false;
  bool in_trouble_ = false;
  absl::Duration wait_;  // Before the next opening.

  std::atomic<bool> closed_{false};
  client::Mutex mu_;
  // The stream that is open, and the last one that the server said is dead:
  // what was read of it and not handed out is not, then.
  std::string open_id_ ABSL_GUARDED_BY(mu_);
  std::string dead_id_ ABSL_GUARDED_BY(mu_);
  std::atomic<bool> any_dead_{false};
};

}  // namespace weir::nakadi

#endif  // WEIR_LIB_NAKADI_STREAM_API_H_
