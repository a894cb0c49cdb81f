#ifndef WEIR_HOST_PLUGINS_FROM_CONFIG_H_
#define WEIR_HOST_PLUGINS_FROM_CONFIG_H_

#include <cstdint>
#include <string>
#include <vector>

#include "host/config/environment.h"
#include "host/plugin/plugin_slot.h"
#include "weir/v1/config.pb.h"

namespace weir {

// What is to be loaded at start: what lies in the plugin folders, with the
// settings of name.yaml and of the configuration, and what the configuration
// names and is in no folder (which then is refused, by name).
struct PluginPlan {
  std::vector<PluginSlotSpec> specs;  // By id.
  std::vector<std::string> notices;   // For the log.
};

// `config` has its defaults and no faults. What is wrong with one plugin's file
// or settings is in the status of its spec. `seed` is for linear_drop.
PluginPlan PlanPlugins(const v1::HostConfig& config,
                       const Environment& environment, uint64_t seed);

}  // namespace weir

#endif  // WEIR_HOST_PLUGINS_FROM_CONFIG_H_
