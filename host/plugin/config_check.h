#ifndef WEIR_HOST_PLUGIN_CONFIG_CHECK_H_
#define WEIR_HOST_PLUGIN_CONFIG_CHECK_H_

#include <string>
#include <vector>

#include "host/plugin/config_node.h"
#include "host/plugin/config_schema.h"
#include "nlohmann/json.hpp"

namespace weir {

// Puts the defaults of `node` into `value` where nothing is, also in objects
// that a default has made.
void FillInDefaults(const ConfigNode& node, nlohmann::json& value);

// Adds to `faults` all that is wrong with `value`, which lies at `pointer`;
// once there are 100, no more are looked for.
void CheckConfigValue(const ConfigNode& node, const nlohmann::json& value,
                      const std::string& pointer,
                      std::vector<ConfigFault>& faults);

// Puts "***" in the place of each value in `value` that is secret.
void MaskConfigValue(const ConfigNode& node, nlohmann::json& value);

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_CONFIG_CHECK_H_
