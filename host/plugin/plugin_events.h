#ifndef WEIR_HOST_PLUGIN_PLUGIN_EVENTS_H_
#define WEIR_HOST_PLUGIN_PLUGIN_EVENTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/control/plugin_status.h"
#include "host/pipeline/event.h"

namespace weir {

// "RUNNING", as weir.v1.Plugin.State has it.
absl::string_view PluginStateName(PluginStatus::State state);

// weir.plugin.state: what `status` says of its last transition. ERROR for
// INVALID and FAILED, INFO for all others.
Event PluginStateEvent(const PluginStatus& status);

// weir.plugin.hung, WARNING: the plugin has been in one message for `busy_for`.
Event PluginHungEvent(const PluginStatus& status, absl::Duration busy_for);

// weir.plugin.crashed, ERROR: an instance died. `queued` messages wait for the
// next one.
Event PluginCrashedEvent(const PluginStatus& status, absl::string_view cause,
                         std::optional<uint64_t> seq,
                         const std::vector<std::string>& frames,
                         uint64_t queued);

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_PLUGIN_EVENTS_H_
