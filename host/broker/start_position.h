#ifndef WEIR_HOST_BROKER_START_POSITION_H_
#define WEIR_HOST_BROKER_START_POSITION_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/broker/faults.h"
#include "host/broker/log_source.h"
#include "host/broker/replay_id.h"
#include "host/control/event_stream.h"
#include "host/control/stream_options.h"

namespace weir {

// Where a stream begins to read. A value.
struct StartPoint {
  // A hole before the beginning whose size nobody knows. The stream announces
  // it before anything else.
  struct Gap {
    StreamItem::GapReason reason = StreamItem::GapReason::kRetention;
    std::string after_id;
    bool resync_required = false;
  };

  uint64_t cursor = 0;  // Reads on after this.
  // What Hello says: the position as the client gave it, so that it is told of
  // the hole again if it comes back without having been told.
  std::string hello_cursor;
  std::optional<Gap> gap;
  // Set if only a file can tell `cursor` and `hello_cursor`: those of the first
  // event of this append time or later.
  std::optional<absl::Time> find_time;
};

// The longest tail that can be asked for.
inline constexpr uint32_t kMaxTail = 100'000;

// Checks what can be wrong with `start` by itself and adds it to `faults`:
// INVALID_REPLAY_ID or INVALID_FIELD. Returns the parsed ID of kAfterId.
std::optional<ReplayId> CheckStart(const StartPosition& start, Faults* faults);

// Finds `start` in `log`. `after` is what CheckStart returned.
//
// A position that was evicted is not an error here unless `policy` is kFail:
// the stream finds out by itself, as it would later.
//
// Returns OutOfRange under kFail for a position that is gone
// (REPLAY_POSITION_EXPIRED), of another log (REPLAY_EPOCH_MISMATCH) or not yet
// there (REPLAY_POSITION_IN_FUTURE): start somewhere else.
absl::StatusOr<StartPoint> FindStart(const StartPosition& start,
                                     const std::optional<ReplayId>& after,
                                     GapPolicy policy, const LogSource& log);

// Where a stream begins that asked for `time`, which was found at `first`,
// after some time perhaps: there, or before a hole that ends there, since what
// was in it may have been later than `time`, too; elsewhere if something of
// `time` or later is gone by now.
//
// Returns OutOfRange / REPLAY_POSITION_EXPIRED for the latter under kFail.
absl::StatusOr<StartPoint> StartFoundAt(absl::Time time, uint64_t first,
                                        GapPolicy policy, const LogSource& log);

// The same as FindStart, with `find_time` found: blocks if a file has to be
// asked (LogSource::AwaitFirstAtOrAfter). A further error is Unavailable /
// JOURNAL_UNAVAILABLE.
absl::StatusOr<StartPoint> AwaitStart(const StartPosition& start,
                                      const std::optional<ReplayId>& after,
                                      GapPolicy policy, LogSource& log);

// The IDs of the oldest and the newest event; empty if there is none.
std::string EarliestId(absl::string_view epoch, const LogBounds& bounds);
std::string LatestId(absl::string_view epoch, const LogBounds& bounds);

// What GapPolicy::kFail says of a position that was evicted.
absl::Status PositionExpired(absl::string_view cursor, absl::string_view epoch,
                             const LogBounds& bounds);

}  // namespace weir

#endif  // WEIR_HOST_BROKER_START_POSITION_H_
