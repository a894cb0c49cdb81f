#ifndef WEIR_HOST_CONTROL_EVENT_LOG_H_
#define WEIR_HOST_CONTROL_EVENT_LOG_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "host/control/event_stream.h"
#include "host/control/stream_options.h"
#include "host/metrics/distribution.h"

namespace weir {

// The bounds of the log; empty IDs while there is no event.
struct LogInfo {
  std::string epoch;
  std::string earliest_id, latest_id, durable_id, ring_earliest_id;
  absl::Time earliest_time = absl::InfinitePast();
  absl::Time latest_time = absl::InfinitePast();
  uint64_t event_count = 0;
  uint64_t journal_bytes = 0;
  absl::Duration retention_age;
  uint64_t retention_bytes = 0;
};

// As weir.v1.BrokerStats.
struct BrokerStats {
  std::string epoch;
  uint64_t latest_seq = 0, durable_seq = 0, earliest_seq = 0,
           ring_earliest_seq = 0;
  uint64_t appended_events = 0, appended_bytes = 0;
  uint64_t delivered_events = 0, delivered_bytes = 0, filtered_events = 0;
  uint64_t gaps_sent = 0, missed_events = 0;
  uint32_t subscribers = 0, replaying_subscribers = 0, filter_classes = 0,
           stalled_streams = 0;
  Distribution append_to_visible, append_to_write;
};

// As weir.v1.JournalStats.
struct JournalStats {
  uint64_t bytes = 0, wal_bytes = 0;
  uint64_t commits = 0, commit_errors = 0;
  Distribution commit;
  uint64_t pruned_events = 0;
  uint64_t replay_reads = 0;
  uint32_t replays = 0, replays_most = 0, replays_waiting = 0;
  bool degraded = false;
  std::string error;  // Why, if it is.
};

// As weir.v1.SubscriberStats. For each stream, at every moment,
// delivered + filtered + missed = cursor - start.
struct SubscriberStats {
  std::string stream_id, subscription, client, start_cursor, cursor;
  uint64_t lag_events = 0, delivered_events = 0, delivered_bytes = 0,
           filtered_events = 0, missed_events = 0, messages = 0, gaps = 0;
  bool replaying = false;
  absl::Duration write_blocked;
  absl::Time start_time;
};

// The ordered record of events, as clients read it. Thread-safe.
class EventLog {
 public:
  virtual ~EventLog() = default;

  // Opens a stream. `ready` is called, from a thread of the log's own, when
  // Next may have something to say again; it must be quick and may call Next.
  //
  // Returns InvalidArgument for a malformed replay ID (INVALID_REPLAY_ID) or
  // filter (INVALID_FILTER_REGEX, FILTER_TOO_LARGE, INVALID_FIELD; every fault
  // is a field violation), OutOfRange for a position that is gone under
  // GapPolicy::kFail (REPLAY_POSITION_EXPIRED, REPLAY_EPOCH_MISMATCH,
  // REPLAY_POSITION_IN_FUTURE), ResourceExhausted with a retry delay if there
  // are too many streams (TOO_MANY_SUBSCRIBERS), Unavailable with a retry delay
  // while the host stops (SERVER_DRAINING).
  virtual absl::StatusOr<std::unique_ptr<EventStream>> Open(
      StreamOptions options, std::function<void()> ready) = 0;

  virtual LogInfo Info() const = 0;
  virtual BrokerStats Stats() const = 0;
  // nullopt if the log is kept in memory only.
  virtual std::optional<JournalStats> Journal() const { return std::nullopt; }
  virtual std::vector<SubscriberStats> Subscribers() const = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_CONTROL_EVENT_LOG_H_
