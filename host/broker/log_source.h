#ifndef WEIR_HOST_BROKER_LOG_SOURCE_H_
#define WEIR_HOST_BROKER_LOG_SOURCE_H_

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "host/broker/chunk.h"
#include "host/broker/replay_feed.h"
#include "host/control/event_stream.h"

namespace weir {

// Positions that no reader can have, and why. A value.
struct LogHole {
  uint64_t first = 0, last = 0;  // Both ends included.
  StreamItem::GapReason reason = StreamItem::GapReason::kRetention;
};

// What there is of a log. Numbers are positions; `earliest` is latest + 1 while
// there is no event left, and `latest` 0 while there was none.
struct LogBounds {
  uint64_t earliest = 1;
  uint64_t latest = 0;         // The newest that readers may see.
  uint64_t ring_earliest = 1;  // The oldest that Find finds.
  absl::Time earliest_time = absl::InfinitePast();
  absl::Time latest_time = absl::InfinitePast();
  // Append time of the newest event that is gone; InfinitePast if none is.
  absl::Time gone_time = absl::InfinitePast();
};

// The log as streams read it, whatever keeps it. Thread-safe; nothing here
// blocks or reads a file, unless it says so.
class LogSource {
 public:
  using View = ChunkView;

  virtual ~LogSource() = default;

  virtual const std::string& epoch() const = 0;
  virtual LogBounds bounds() const = 0;

  // Returns the chunk that `seq` is in; a null one if `seq` is not in memory
  // (any more), or not visible yet.
  virtual View Find(uint64_t seq) const = 0;

  // Returns the hole that `seq` is in.
  virtual std::optional<LogHole> HoleAt(uint64_t /*seq*/) const {
    return std::nullopt;
  }
  // Returns where the first hole after `seq` begins; the largest number if
  // there is none.
  virtual uint64_t NextHole(uint64_t /*seq*/) const {
    return std::numeric_limits<uint64_t>::max();
  }

  // Returns the first position with an append time of `time` or later, latest
  // + 1 if there is none; nullopt if only a file can tell (ReplayFeed,
  // AwaitFirstAtOrAfter).
  virtual std::optional<uint64_t> FirstAtOrAfter(absl::Time time) const = 0;

  // The same, but blocks for as long as the file takes: some milliseconds, and
  // not from a thread that serves streams. nullopt if the file cannot be read.
  virtual std::optional<uint64_t> AwaitFirstAtOrAfter(absl::Time time) {
    return FirstAtOrAfter(time);
  }

  // What Find does not find because it is only in a file, for one stream; null
  // if there is no file. `ready` is called when there is an answer, perhaps
  // even after the feed is gone. With `keys`, chunks can be filtered.
  // By value: who overrides it keeps `ready`.
  // NOLINTNEXTLINE(performance-unnecessary-value-param)
  virtual std::unique_ptr<ReplayFeed> OpenFeed(std::function<void()> /*ready*/,
                                               bool /*keys*/) {
    return nullptr;
  }
};

}  // namespace weir

#endif  // WEIR_HOST_BROKER_LOG_SOURCE_H_
