#ifndef WEIR_HOST_CONTROL_PLUGIN_STATS_H_
#define WEIR_HOST_CONTROL_PLUGIN_STATS_H_

#include <cstdint>
#include <map>
#include <string>

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
};

}  // namespace weir

#endif  // WEIR_HOST_CONTROL_PLUGIN_STATS_H_
