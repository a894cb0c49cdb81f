#ifndef WEIR_HOST_CONTROL_STREAM_OPTIONS_H_
#define WEIR_HOST_CONTROL_STREAM_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "host/control/event_filter.h"

namespace weir {

// Where a stream starts: one of the kinds, with what belongs to it.
struct StartPosition {
  enum class Kind { kLatest, kEarliest, kAfterId, kAtTime, kTail };
  Kind kind = Kind::kLatest;
  std::string after_id;  // kAfterId
  absl::Time at_time;    // kAtTime
  uint32_t tail = 0;     // kTail: at most 100,000
};

// What to do when the position to read from is gone.
enum class GapPolicy { kNotify, kFail, kNotifySkipToLatest };

// What to do with a reader that is slower than the events.
enum class LagPolicy { kCatchUp, kSkip, kDisconnect };

// 0 and unset are the defaults of weir.v1.BatchOptions; what is above the
// ceiling is lowered to it.
struct BatchOptions {
  uint32_t max_events = 0;  // Default 256, at most 4096.
  uint32_t max_bytes = 0;   // Default 256 KiB, at most 1 MiB.
  // At most 1 s. Unset: 10 ms, and more where there are many streams.
  std::optional<absl::Duration> max_delay;
};

// What a client asks of a stream; weir.v1.SubscribeRequest in our own words.
struct StreamOptions {
  StartPosition start;
  std::vector<EventFilter> filters;  // Union; none = all. At most 16.
  GapPolicy gap_policy = GapPolicy::kNotify;
  LagPolicy lag_policy = LagPolicy::kCatchUp;
  uint64_t max_lag_events = 0;  // Default 100,000.
  BatchOptions batch;
  // Default 15 s; clamped to [1 s, 5 min].
  std::optional<absl::Duration> heartbeat_interval;
  bool stop_at_latest = false;
  // End with OK after so many events, too; 0 = never. For a page of history.
  uint64_t stop_after_events = 0;
  bool headers_only = false;
  std::string client_name;  // At most 128 bytes.
  std::string peer;         // Its address, for statistics.
};

}  // namespace weir

#endif  // WEIR_HOST_CONTROL_STREAM_OPTIONS_H_
