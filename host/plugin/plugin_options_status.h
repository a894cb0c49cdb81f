#ifndef WEIR_HOST_PLUGIN_PLUGIN_OPTIONS_STATUS_H_
#define WEIR_HOST_PLUGIN_PLUGIN_OPTIONS_STATUS_H_

#include "host/control/plugin_status.h"
#include "host/pipeline/handler_registry.h"
#include "host/plugin/plugin_slot.h"

namespace weir {

// What of the settings of `spec` dispatch has to know.
inline HandlerOptions ToHandlerOptions(const PluginSlotSpec& spec) {
  const PluginSlotOptions& options = spec.options;
  return {.name = spec.id,
          .policy = options.policy,
          .capacity = options.capacity,
          .max_capacity = options.max_capacity,
          .sources = options.sources,
          .seed = options.seed,
          .redeliver_once = options.redeliver_once,
          .create_deadline = options.create_deadline};
}

// Writes into `status` what of it is settings, all but the isolation and the
// capacity: those are what is, and not what is wished.
inline void FillOptions(const PluginSlotOptions& options,
                        PluginStatus* status) {
  status->sandbox = options.sandbox;
  status->policy = options.policy;
  status->soft_deadline = options.soft_deadline;
  status->hard_deadline = options.hard_deadline;
  status->create_deadline = options.create_deadline;
  status->drain_timeout = options.drain_timeout;
  status->emit_limit_per_second = options.emit_limit_per_second;
  status->emit_ring_events = options.emit_ring_events;
  status->log_limit_per_second = options.log_limit_per_second;
  status->memory_limit_bytes = options.memory_limit_bytes;
  status->max_crashes = options.max_crashes;
  status->max_consecutive_errors = options.max_consecutive_errors;
  status->redeliver_once = options.redeliver_once;
  status->unload_on_remove = options.on_remove == OnRemove::kUnload;
  status->notify_on_change = options.on_change == OnChange::kNotify;
  status->probation_time = options.probation_time;
  status->probation_messages = options.probation_messages;
}

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_PLUGIN_OPTIONS_STATUS_H_
