#ifndef WEIR_HOST_SINK_SINK_H_
#define WEIR_HOST_SINK_SINK_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/control/event_filter.h"
#include "host/control/event_log.h"
#include "host/control/event_stream.h"
#include "host/control/sink_stats.h"
#include "host/pipeline/event_sink.h"
#include "host/sink/delivery.h"
#include "host/sync/backoff.h"
#include "host/sync/clock.h"
#include "host/sync/mutex.h"
#include "host/sync/sleeper.h"
#include "host/sync/token_bucket.h"
#include "lib/client/cursor_file.h"
#include "weir/v1/event.pb.h"

namespace weir {

struct SinkOptions {
  std::string name;                  // "sinks/orders"
  std::vector<EventFilter> filters;  // Union; none = all.
  bool from_earliest = false;        // Where it begins without a cursor.
  std::string cursor_path;
  BackoffOptions retry;
  uint32_t max_attempts = 0;  // For one event; 0 is for ever.
  double rate_limit = 0;      // Events per second; 0 is none.
  uint64_t seed = 0;          // Of the jitter.
};

// An internal subscriber: reads the log from its own cursor on and delivers
// what passes its filters by a Delivery, at least once and in order.
//
//   EventLog --> Sink --> Delivery --> another server
//                 |
//                 '--> cursor file
//
// The cursor says what is settled: delivered, or rejected and counted. It is
// written after each call that settled something, so after a crash at most what
// one call delivered is delivered again. While a delivery fails the cursor
// waits, and with it everything behind it; what the log's retention takes away
// in the meantime is counted as missed. Of a call that delivered some events,
// only the others are tried again.
//
// Stats may be called by any thread; all else by one.
class Sink {
 public:
  // What of the host it uses; all must outlive it. `events` hears of what is
  // rejected ("weir.sink.rejected").
  struct Host {
    EventLog& log;
    EventSink& events;
    const Clock& clock;
  };

  // `sleeper` waits between attempts.
  Sink(SinkOptions options, std::unique_ptr<Delivery> delivery,
       std::unique_ptr<Sleeper> sleeper, Host host);
  ~Sink();  // Stops at once.

  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  // Starts its thread. At most once.
  void Start();

  // Begins to end: what can be read now is still delivered, if that does not
  // fail. Does not wait.
  void Drain() ABSL_LOCKS_EXCLUDED(mu_);
  // Waits until it has ended, for `limit` at most, and then interrupts it. Any
  // number of times.
  void Stop(absl::Duration limit) ABSL_LOCKS_EXCLUDED(mu_);

  SinkStats Stats() const ABSL_LOCKS_EXCLUDED(mu_);
  const SinkOptions& options() const { return options_; }

 private:
  struct Pending {
    v1::Event event;
    size_t bytes = 0;
    std::string before;  // The cursor in front of it.
    uint32_t attempts = 0;
  };

  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  // Reads and delivers until the stream ends or the sink does; returns why.
  absl::Status Follow() ABSL_LOCKS_EXCLUDED(mu_);
  // Takes what the stream has to say now; false at its end, and why.
  bool Fill(EventStream& stream, absl::Status* end) ABSL_LOCKS_EXCLUDED(mu_);
  void Take(StreamItem& item) ABSL_LOCKS_EXCLUDED(mu_);
  // Returns false once the sink has nothing more to do.
  bool AwaitReady() ABSL_LOCKS_EXCLUDED(mu_);
  // Makes one attempt at the oldest of what is pending, and waits if it failed.
  // Returns false if the sink is to end.
  bool DeliverSome() ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<const v1::Event*> NextBatch() const;
  bool AwaitTokens(uint32_t n);
  // Returns whether something of it is to be tried again later.
  bool Settle(const Delivery::Result& result) ABSL_LOCKS_EXCLUDED(mu_);
  void Reject(const Pending& pending, const absl::Status& why)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Says of what was rejected, once a minute at most.
  void TellRejected() ABSL_LOCKS_EXCLUDED(mu_);
  // Moves the cursor up to what is not settled, and writes it.
  void MoveCursor() ABSL_LOCKS_EXCLUDED(mu_);
  void NoteError(absl::string_view text) ABSL_LOCKS_EXCLUDED(mu_);
  bool draining() const ABSL_LOCKS_EXCLUDED(mu_);

  const SinkOptions options_;
  const std::unique_ptr<Delivery> delivery_;
  const std::unique_ptr<Sleeper> sleeper_;
  const Host host_;

  // Of the sink's thread.
  client::CursorFile file_;
  std::mt19937_64 random_;
  Backoff backoff_;
  TokenBucket tokens_;
  std::deque<Pending> pending_;
  std::string read_;     // The cursor behind all that was read.
  std::string written_;  // What the file holds.
  std::string failing_;  // The error that was logged; empty: it works.
  bool file_failing_ = false;
  // What was rejected and not told of.
  uint64_t untold_ = 0;
  std::string untold_id_, untold_why_;
  int64_t told_ns_;

  mutable Mutex mu_;
  CondVar changed_;
  bool ready_ ABSL_GUARDED_BY(mu_) = false;
  bool draining_ ABSL_GUARDED_BY(mu_) = false;
  bool ended_ ABSL_GUARDED_BY(mu_) = true;
  SinkStats stats_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
};

}  // namespace weir

#endif  // WEIR_HOST_SINK_SINK_H_
