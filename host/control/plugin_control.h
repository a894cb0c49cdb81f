#ifndef WEIR_HOST_CONTROL_PLUGIN_CONTROL_H_
#define WEIR_HOST_CONTROL_PLUGIN_CONTROL_H_

#include <cstdint>
#include <vector>

#include "host/control/plugin_stats.h"
#include "host/control/plugin_status.h"

namespace weir {

// What plugins can be asked. Thread-safe.
class PluginControl {
 public:
  virtual ~PluginControl() = default;

  // All slots by name, those that were refused too.
  virtual std::vector<PluginStatus> List() const = 0;
  virtual std::vector<PluginStats> Stats() const = 0;

  // Messages dropped over all handlers, also those that are gone. Monotonic.
  virtual uint64_t total_dropped() const = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_CONTROL_PLUGIN_CONTROL_H_
