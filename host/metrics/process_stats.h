#ifndef WEIR_HOST_METRICS_PROCESS_STATS_H_
#define WEIR_HOST_METRICS_PROCESS_STATS_H_

#include <cstdint>

namespace weir {

// What the kernel says of this process. A value.
struct ProcessStats {
  uint64_t rss_bytes = 0;
  double cpu_seconds = 0;  // User and system, since the start.
  uint32_t threads = 0;
  uint32_t open_fds = 0;
};

// Reads it from /proc/self and getrusage; costs some tens of microseconds. What
// cannot be read is 0.
ProcessStats ReadProcessStats();

}  // namespace weir

#endif  // WEIR_HOST_METRICS_PROCESS_STATS_H_
