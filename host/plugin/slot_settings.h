#ifndef WEIR_HOST_PLUGIN_SLOT_SETTINGS_H_
#define WEIR_HOST_PLUGIN_SLOT_SETTINGS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "host/plugin/plugin_slot.h"

namespace weir {

// What an operator may set of a slot, over what the files say. The room keeps
// it without understanding it, as the bytes of a weir.v1.PluginSettings, so
// that the rules of the configuration's files are the only ones. Thread-safe.
class SlotSettings {
 public:
  virtual ~SlotSettings() = default;

  // Returns `before` with those `fields` of `change`, "capacity"; what is unset
  // there is unset then. No fields: all that `change` has. Returns
  // InvalidArgument for bytes that are no settings.
  virtual absl::StatusOr<std::string> Merge(
      absl::string_view before, absl::string_view change,
      const std::vector<std::string>& fields) const = 0;

  // Returns the options of the slot of `spec` with `set` over what the files
  // say of it. Returns InvalidArgument with every fault, as field violations
  // under "settings."; FailedPrecondition / POLICY_NEEDS_FLOW_CONTROL {name,
  // source} if all that is wrong is the policy `block` for a source that cannot
  // be made to wait: choose another policy, or take the source out of the
  // plugin's `sources`.
  virtual absl::StatusOr<PluginSlotOptions> Apply(
      const PluginSlotSpec& spec, absl::string_view set) const = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_SLOT_SETTINGS_H_
