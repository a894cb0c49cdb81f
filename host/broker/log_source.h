#ifndef WEIR_HOST_BROKER_LOG_SOURCE_H_
#define WEIR_HOST_BROKER_LOG_SOURCE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "host/broker/chunk.h"

namespace weir {

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
// blocks or reads a file.
class LogSource {
 public:
  // A chunk, kept alive by it, and how many of its events may be read.
  struct View {
    std::shared_ptr<const Chunk> chunk;
    uint32_t n = 0;
  };

  virtual ~LogSource() = default;

  virtual const std::string& epoch() const = 0;
  virtual LogBounds bounds() const = 0;

  // Returns the chunk that `seq` is in; a null one if `seq` is not in memory
  // (any more), or not visible yet.
  virtual View Find(uint64_t seq) const = 0;

  // Returns the first position with an append time of `time` or later, latest
  // + 1 if there is none.
  virtual uint64_t FirstAtOrAfter(absl::Time time) const = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_BROKER_LOG_SOURCE_H_
