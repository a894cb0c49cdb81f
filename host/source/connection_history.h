#ifndef WEIR_HOST_SOURCE_CONNECTION_HISTORY_H_
#define WEIR_HOST_SOURCE_CONNECTION_HISTORY_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/control/source_stats.h"
#include "host/control/source_status.h"
#include "host/metrics/rate_meter.h"
#include "host/pipeline/event.h"
#include "host/source/source.h"

namespace weir {

// What became of one source's connections: its state, its last error, its
// outages, and the connection's part of its statistics. It is told what
// happens, decides nothing, and makes the events that say it.
//
// An outage begins with the last thing that was received before it, and ends
// with the first one after it: a server that accepts and hangs up has not ended
// it. Where nothing comes although the connection lives on, a quiet source, the
// connection itself ends it (see CheckHealth).
//
// Not thread-safe: the Streamer calls it under its own lock.
class ConnectionHistory {
 public:
  using State = SourceStatus::State;

  struct Limits {
    absl::Duration staleness;    // Zero is off.
    absl::Duration max_lag;      // Zero is off.
    absl::Duration reset_after;  // Of BackoffOptions.
  };

  ConnectionHistory(absl::string_view id, const Source::Description& source,
                    const Limits& limits, absl::Time now);

  // An attempt to connect begins.
  void Connecting(absl::Time now);
  void Connected(absl::Time now);
  // A batch of `bytes` payload came, at `now` and `now_ns` of the two clocks.
  void Received(uint64_t bytes, absl::Time now, int64_t now_ns);
  // The connection, or the attempt at one, ended. Returns whether it had lived
  // long enough to be a good one.
  bool Disconnected(absl::Time now);

  // Why it ended, after Disconnected; `retry` says whether it is tried again.
  void Failed(const absl::Status& error, bool retry, absl::Time now);
  void BackingOff(absl::Duration delay, absl::Time now);
  void Finished(absl::Time now);
  void Stopped(absl::Time now) { Enter(State::kStopped, now); }
  // An operator took it off, or takes it off to connect anew. `reason` as
  // "paused: maintenance".
  void Paused(absl::string_view reason, absl::Time now);
  void Reconnecting(absl::string_view reason, absl::Time now);
  void Resumed(absl::Time now) { Enter(State::kConnecting, now); }
  // It begins paused, by configuration, which is no outage.
  void Disabled(absl::Time now) { Enter(State::kPaused, now); }

  // The upstream said that something is wrong. At most one event comes of it in
  // kErrorEventEvery, so that an upstream cannot flood the log.
  void UpstreamError(absl::string_view message, absl::Time now);

  // Looks for staleness and lag, and for an outage that is over in silence.
  // `lag` is that of the newest message; `blocked` says that the sink holds the
  // source up, so that silence means nothing. Call it about once a second.
  void CheckHealth(absl::Duration lag, bool blocked, absl::Time now);

  // The events since the last call. Publish them without the lock.
  std::vector<Event> TakeEvents();

  const SourceStatus& status() const { return status_; }
  // Sets the connection's part of `stats`.
  void FillStats(SourceStats* stats, absl::Time now, int64_t now_ns);

 private:
  static constexpr absl::Duration kErrorEventEvery = absl::Seconds(10);

  bool OutageIsOn() const;
  void BeginOutage(absl::string_view reason, absl::Time now);
  void EndOutage(absl::Time end);
  void Enter(State state, absl::Time now);

  const std::string id_;
  const bool resumes_, live_;
  const Limits limits_;
  SourceStatus status_;
  std::vector<Event> events_;
  absl::Time alive_at_;  // The last sign of life: message, connect or start.
  uint64_t connects_ = 0, connect_failures_ = 0;
  uint64_t outages_ = 0;
  absl::Duration outage_time_;  // Of those that are over.
  uint64_t bytes_ = 0;
  RateMeter bit_rate_;
  bool lagging_ = false;
  absl::Time error_event_at_ = absl::InfinitePast();
  uint64_t errors_without_event_ = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_SOURCE_CONNECTION_HISTORY_H_
