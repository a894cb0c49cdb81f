#ifndef WEIR_HOST_PLUGIN_CONFIG_REVISION_H_
#define WEIR_HOST_PLUGIN_CONFIG_REVISION_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace weir {

// A configuration that a plugin ran with, or is to run with. A value.
struct ConfigRevision {
  uint64_t number = 0;      // From 1 on, in each slot.
  std::string config_json;  // The plugin's own, without defaults.
  // Whether an operator set that, or it is what the files say.
  bool config_set = false;
  // What an operator set of the slot's settings; see SlotSettings. Empty: none.
  std::string settings_set;
  // What the files said then, as SHA-256: what an operator set holds as long as
  // they say that.
  std::string file_config_sha256;
  std::string file_settings_sha256;
  std::string actor;  // "operator:alice", "watcher", "start"
  absl::Time time;    // Kept to the nanosecond.

  bool operator==(const ConfigRevision&) const = default;
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_CONFIG_REVISION_H_
