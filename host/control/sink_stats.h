#ifndef WEIR_HOST_CONTROL_SINK_STATS_H_
#define WEIR_HOST_CONTROL_SINK_STATS_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace weir {

// As weir.v1.SinkStats.
struct SinkStats {
  std::string name;  // "sinks/orders"
  uint64_t delivered_events = 0;
  uint64_t delivered_bytes = 0;
  uint64_t failed_attempts = 0;
  uint64_t rejected_events = 0;
  uint64_t missed_events = 0;
  uint64_t lag_events = 0;
  std::string cursor;      // Empty: there is none yet.
  std::string last_error;  // Empty: none so far.
  absl::Time last_delivery_time = absl::InfinitePast();
};

}  // namespace weir

#endif  // WEIR_HOST_CONTROL_SINK_STATS_H_
