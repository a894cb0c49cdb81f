#ifndef WEIR_HOST_CONFIG_PLUGIN_SETTINGS_H_
#define WEIR_HOST_CONFIG_PLUGIN_SETTINGS_H_

#include <string>

#include "absl/strings/string_view.h"
#include "weir/v1/config.pb.h"

namespace weir {

// Returns what holds for the slot `id`, of the three places that may say it:
//
//   `host`      its entry in plugins.plugins      wins over
//   `file`      name.yaml beside the module       wins over
//   `defaults`  plugins.defaults, filled in
//
// A place that says nothing is given as an empty message. Each field is taken
// whole from the first place that sets it, one by one also within the settings;
// `config` is one field. So a `config` in the host's file replaces that of
// name.yaml, and does not mix with it. `disabled` cannot be unset, so the slot
// is disabled if either file says so.
//
// The result has `id`, and a module: ModuleOf(id) if nobody names one. Pure.
v1::PluginConfig MergePluginConfig(const std::string& id,
                                   const v1::PluginConfig& host,
                                   const v1::PluginConfig& file,
                                   const v1::PluginSettings& defaults);

// Returns the module of a slot that names none: "flap_counter.so" for
// "flap-counter".
std::string ModuleOf(absl::string_view id);

// Returns the entry of the slot `id` in `config`, or an empty message.
const v1::PluginConfig& PluginEntry(const v1::HostConfig& config,
                                    absl::string_view id);

}  // namespace weir

#endif  // WEIR_HOST_CONFIG_PLUGIN_SETTINGS_H_
