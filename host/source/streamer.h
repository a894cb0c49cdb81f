#ifndef WEIR_HOST_SOURCE_STREAMER_H_
#define WEIR_HOST_SOURCE_STREAMER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/control/source_stats.h"
#include "host/control/source_status.h"
#include "host/pipeline/event.h"
#include "host/pipeline/event_sink.h"
#include "host/pipeline/frame_batch.h"
#include "host/pipeline/frame_sink.h"
#include "host/source/connection_history.h"
#include "host/source/sleeper_factory.h"
#include "host/source/source.h"
#include "host/sync/backoff.h"
#include "host/sync/clock.h"
#include "host/sync/mutex.h"
#include "host/sync/sleeper.h"

namespace weir {

struct StreamerOptions {
  std::string id;       // "ris-live"; the source is then "sources/ris-live".
  std::string decoder;  // Of SourceStatus; the streamer does not use it.
  BackoffOptions backoff;
  // Nothing new for this long is STALE and an event; zero is off.
  absl::Duration staleness = absl::Seconds(60);
  // Messages older than this are an event; zero is off.
  absl::Duration max_lag = absl::Seconds(60);
  bool disabled = false;  // Begins PAUSED.
  uint64_t seed = 0;      // Of the back-off's jitter.
};

// Keeps one source flowing into one sink, whatever becomes of its connection,
// on a thread of its own.
//
//             +--------------------- reconnect, resume ----------+
//             v                                                  |
//   +--> CONNECTING --> CONNECTED <--> STALE     PAUSED <-- pause, of any
//   |      |     |        |   |                            but the last two
//   |    error   +--------+---+---> final error --> FAILED --> reconnect
//   |      v     error    |
//   +- BACKING_OFF <------+       end of a file --> FINISHED
//                                 stop -----------> STOPPED
//
// The end of a live stream is an error like any other: however cleanly a peer
// hung up, it is called again.
//
// Thread-safe. No call waits for the source or the sink, but for Stop.
class Streamer {
 public:
  // All references must outlive the Streamer. `sleepers` makes a sleeper for
  // each back-off.
  Streamer(const StreamerOptions& options, std::unique_ptr<Source> source,
           FrameSink& sink, EventSink& events, const Clock& clock,
           SleeperFactory sleepers);
  ~Streamer();  // Stops.

  Streamer(const Streamer&) = delete;
  Streamer& operator=(const Streamer&) = delete;

  // Begins. Does nothing the second time, and nothing after Stop: a streamer
  // that was stopped stays so.
  void Start() ABSL_LOCKS_EXCLUDED(mu_);

  // Makes the thread end soon: after the Accept that it may be in.
  void RequestStop() ABSL_LOCKS_EXCLUDED(mu_);

  // Requests the same and waits for it. Any number of times, from any thread
  // but the streamer's own, that is, not from within Accept.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_, thread_mu_);

  // As in SourceControl. Pause does nothing to a source that is FINISHED or
  // STOPPED. `reason` is kept in the outage.
  void Pause(absl::string_view reason) ABSL_LOCKS_EXCLUDED(mu_);
  void Resume(absl::string_view reason) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Reconnect(bool reset_backoff, absl::string_view reason)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Whoever understands what the source brings says that the upstream reported
  // an error, such as a ris_error. It becomes last_error and an event. May be
  // called from within Accept.
  void ReportUpstreamError(absl::string_view message) ABSL_LOCKS_EXCLUDED(mu_);

  // Looks for staleness and lag; `lag` is that of the newest message. Call it
  // about once a second.
  void CheckHealth(absl::Duration lag) ABSL_LOCKS_EXCLUDED(mu_);

  SourceStatus GetStatus() const ABSL_LOCKS_EXCLUDED(mu_);
  // Sets the connection's part of `stats`; what the decode stage has put into
  // skipped_by_reason stays and is added to.
  void FillStats(SourceStats* stats) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // What becomes of the batches; lives as long as the last of them.
  struct Completion {
    std::atomic<uint64_t> open{0}, completed{0}, incomplete{0};
  };
  // An Accept that takes longer than this was held up by a handler. Decoding
  // 256 KiB takes about half a millisecond.
  static constexpr int64_t kBlockedAfterNs = 10'000'000;
  static constexpr int64_t kNotInAccept = -1;

  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  // Waits until it is time to connect. Returns false once it is to stop.
  bool AwaitTurn() ABSL_LOCKS_EXCLUDED(mu_);
  // Reads until an error, and returns it.
  absl::Status ReadAll() ABSL_LOCKS_EXCLUDED(mu_);
  void HandOver() ABSL_LOCKS_EXCLUDED(mu_);
  void CountCompletion();
  void NoteConnected() ABSL_LOCKS_EXCLUDED(mu_);
  // Returns whether to wait before the next attempt.
  bool NoteEnd(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_);
  void BackOff() ABSL_LOCKS_EXCLUDED(mu_);
  void InterruptLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool CalledOffLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return stopping_ || paused_ || reconnecting_;
  }
  // Publishes what the history has to say.
  void Speak() ABSL_LOCKS_EXCLUDED(mu_);
  void Publish(std::vector<Event> events);
  int64_t BlockedNs() const;

  const StreamerOptions options_;
  const std::unique_ptr<Source> source_;
  FrameSink& sink_;
  EventSink& events_;
  const Clock& clock_;
  const SleeperFactory sleepers_;
  const std::string area_;  // "sources/ris-live"
  const std::shared_ptr<Completion> completion_ =
      std::make_shared<Completion>();

  FrameBatch batch_;  // The streamer's thread's own.
  // When the present Accept began.
  std::atomic<int64_t> accept_begin_ns_{kNotInAccept};
  std::atomic<int64_t> blocked_ns_{0};

  mutable Mutex mu_;
  CondVar told_;
  ConnectionHistory history_ ABSL_GUARDED_BY(mu_);
  std::mt19937_64 random_ ABSL_GUARDED_BY(mu_);
  Backoff backoff_ ABSL_GUARDED_BY(mu_);
  // What the last error asks for; the next wait is no shorter.
  absl::Duration at_least_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  bool paused_ ABSL_GUARDED_BY(mu_) = false;
  bool reconnecting_ ABSL_GUARDED_BY(mu_) = false;
  // FAILED or FINISHED: nothing to do until told.
  bool resting_ ABSL_GUARDED_BY(mu_) = false;
  std::unique_ptr<Sleeper> sleeper_ ABSL_GUARDED_BY(mu_);

  // Taken before mu_, and held while the thread is waited for.
  Mutex thread_mu_ ABSL_ACQUIRED_BEFORE(mu_);
  std::thread thread_ ABSL_GUARDED_BY(thread_mu_);
};

}  // namespace weir

#endif  // WEIR_HOST_SOURCE_STREAMER_H_
