#ifndef WEIR_HOST_PIPELINE_HANDLER_STATS_H_
#define WEIR_HOST_PIPELINE_HANDLER_STATS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "host/metrics/distribution.h"
#include "host/pipeline/books.h"

namespace weir {

// What one slot tells of itself, read at one moment. A value.
struct HandlerStats {
  Books books;
  uint32_t capacity = 0;           // Effective, messages.
  uint32_t high_water = 0;         // Most that ever waited.
  uint64_t queued_bytes = 0;       // Payload of what waits.
  Distribution queue_age;          // From enqueue to the start of handling.
  absl::Duration oldest_queued;    // Age of the message at the head.
  Distribution handle;             // In the handler, per message.
  double messages_per_second = 0;  // Processed, over the last 60 s.
  double cpu_seconds = 0;          // Of the worker thread.
  absl::Duration blocked_time;     // Policy block: time it held sources up.
  bool blocking = false;           // It holds one up now.
  uint64_t redelivered = 0;        // Messages that were given a second time.
  absl::Duration busy_for;  // Age of the message in the handler; 0: none.
  absl::Time last_drop;     // InfinitePast: never.
  std::vector<std::string> wanted_types;  // Of those seen so far.
};

}  // namespace weir

#endif  // WEIR_HOST_PIPELINE_HANDLER_STATS_H_
