#ifndef WEIR_HOST_CONFIG_OVERRULE_SETTINGS_H_
#define WEIR_HOST_CONFIG_OVERRULE_SETTINGS_H_

#include "host/config/load_config.h"
#include "weir/v1/config.pb.h"

namespace weir {

// Returns `files`, what MergePluginConfig made of all that they say of a slot,
// with `set` over its settings, checked as if it had stood in a file. The paths
// of faults begin with "settings.". `host` comes from LoadConfigFile. Pure.
PluginConfigResult OverruleSettings(const v1::PluginConfig& files,
                                    const v1::PluginSettings& set,
                                    const v1::HostConfig& host);

}  // namespace weir

#endif  // WEIR_HOST_CONFIG_OVERRULE_SETTINGS_H_
