#ifndef WEIR_HOST_PLUGIN_PLUGIN_EVENTS_H_
#define WEIR_HOST_PLUGIN_PLUGIN_EVENTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/control/plugin_status.h"
#include "host/control/poison_message.h"
#include "host/pipeline/event.h"
#include "host/plugin/crash_page.h"
#include "host/plugin/instance_maker.h"

namespace weir {

// "RUNNING", as weir.v1.Plugin.State has it.
absl::string_view PluginStateName(PluginStatus::State state);

// weir.plugin.state: what `status` says of its last transition. ERROR for
// INVALID and FAILED, INFO for all others.
Event PluginStateEvent(const PluginStatus& status);

// weir.plugin.hung, WARNING: the plugin has been in one message for `busy_for`.
Event PluginHungEvent(const PluginStatus& status, absl::Duration busy_for);

// weir.plugin.health, WARNING: the plugin says that it is degraded, and why;
// INFO: that it is not any more.
Event PluginHealthEvent(const PluginStatus& status, bool degraded,
                        absl::string_view text);

// weir.plugin.crashed, ERROR: an instance died, and of what message, if it had
// one. `queued` messages wait for the next one.
Event PluginCrashedEvent(const PluginStatus& status, const InstanceDeath& death,
                         const std::optional<PoisonMessage>& poison,
                         uint64_t queued);

// weir.plugin.demoted, ERROR: in process it took the host down that ran before
// this one, and is run in a child from now on.
Event PluginDemotedEvent(const HostCrash& crash,
                         const std::vector<std::string>& frames);

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_PLUGIN_EVENTS_H_
