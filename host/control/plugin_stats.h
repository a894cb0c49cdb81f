#ifndef WEIR_HOST_CONTROL_PLUGIN_STATS_H_
#define WEIR_HOST_CONTROL_PLUGIN_STATS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "host/control/plugin_metric.h"
#include "host/pipeline/handler_stats.h"

namespace weir {

// What a plugin's slot counts; weir.v1.PluginStats in our own words. A value.
struct PluginStats {
  std::string name;  // "plugins/counts"
  uint64_t generation = 0;
  HandlerStats handler;  // All zero for a slot that never ran.
  uint64_t events_emitted = 0;
  // "full", "rate", "undeclared_type", "too_large", "invalid".
  std::map<std::string, uint64_t> events_rejected;
  uint64_t log_lines = 0;
  uint64_t log_lines_suppressed = 0;
  uint64_t ticks = 0;
  uint64_t tick_errors = 0;           // Of these.
  std::vector<PluginMetric> metrics;  // By name, then by labels.
  uint64_t metrics_refused = 0;       // Declarations.
  // What it keeps: bytes now, calls, and what of them came to nothing.
  uint64_t kv_bytes = 0;
  uint64_t kv_gets = 0;
  uint64_t kv_changes = 0;
  uint64_t kv_refused = 0;
  uint64_t kv_errors = 0;
  std::string kv_last_error;
  uint64_t memory_bytes = 0;     // Resident, of its child; 0: not known.
  double child_cpu_seconds = 0;  // Of its children; part of the handler's.
  uint64_t restarts = 0;         // Automatic.
  uint64_t crashes = 0;
  uint64_t hangs = 0;  // Hard deadline hit.
  absl::Time reset_time = absl::InfinitePast();
};

}  // namespace weir

#endif  // WEIR_HOST_CONTROL_PLUGIN_STATS_H_
