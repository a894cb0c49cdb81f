#ifndef WEIR_HOST_PLUGINS_FROM_CONFIG_H_
#define WEIR_HOST_PLUGINS_FROM_CONFIG_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "host/config/environment.h"
#include "host/plugin/plugin_folder.h"
#include "host/plugin/plugin_slot.h"
#include "host/plugin/slot_settings.h"
#include "weir/v1/config.pb.h"

namespace weir {

// What is to be loaded at start: what lies in the plugin folders, with the
// settings of name.yaml and of the configuration, and what the configuration
// names and is in no folder (which then is refused, by name).
struct PluginPlan {
  std::vector<PluginSlotSpec> specs;  // By id.
  std::vector<std::string> notices;   // For the log.
  PluginFolderContents contents;      // What it was made of.
};

// `config` has its defaults and no faults. What is wrong with one plugin's file
// or settings is in the status of its spec. `seed` is for linear_drop. A file
// called `module` is in the plan also where nothing loads by itself.
PluginPlan PlanPlugins(const v1::HostConfig& config,
                       const Environment& environment, uint64_t seed,
                       const std::string& module = "");

// What settings of a slot may be, by the rules of the configuration.
class ConfiguredSlotSettings final : public SlotSettings {
 public:
  // As for PlanPlugins. `config` must outlive it.
  ConfiguredSlotSettings(const v1::HostConfig& config, uint64_t seed)
      : config_(config), seed_(seed) {}

  absl::StatusOr<std::string> Merge(
      absl::string_view before, absl::string_view change,
      const std::vector<std::string>& fields) const override;
  absl::StatusOr<PluginSlotOptions> Apply(const PluginSlotSpec& spec,
                                          absl::string_view set) const override;

 private:
  const v1::HostConfig& config_;
  const uint64_t seed_;
};

// Whose files the plugin folders may hold, by user id. A name that nobody has
// is left out, and told in `notices`, unless that is null.
std::vector<uid_t> PluginOwners(const v1::PluginsConfig& config,
                                std::vector<std::string>* notices = nullptr);

}  // namespace weir

#endif  // WEIR_HOST_PLUGINS_FROM_CONFIG_H_
