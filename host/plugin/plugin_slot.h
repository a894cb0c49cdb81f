#ifndef WEIR_HOST_PLUGIN_PLUGIN_SLOT_H_
#define WEIR_HOST_PLUGIN_PLUGIN_SLOT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "host/control/plugin_status.h"
#include "host/control/sandbox_profile.h"
#include "host/pipeline/handler_registry.h"
#include "host/plugin/folder_plan.h"

namespace weir {

// The host's settings of a slot, which the plugin never sees; weir.v1's
// PluginSettings in our own words. The defaults are those written there.
struct PluginSlotOptions {
  bool disabled = false;  // STOPPED, not loaded.
  PluginStatus::Isolation isolation = PluginStatus::Isolation::kChild;
  SandboxProfile sandbox = SandboxProfile::kStrict;  // Of a child.
  QueuePolicy policy = QueuePolicy::kLinearDrop;
  uint32_t capacity = 0;  // Messages. 0: what the plugin asks for.
  uint32_t max_capacity = 1'048'576;
  std::vector<std::string> sources;  // By id. Empty: all.
  uint64_t seed = 0;                 // For the chance of kLinearDrop.
  // One message longer than this is condition HUNG.
  absl::Duration soft_deadline = absl::Seconds(1);
  // ... than this: it is killed, or abandoned if it is in process.
  absl::Duration hard_deadline = absl::Seconds(10);
  absl::Duration create_deadline = absl::Seconds(10);
  absl::Duration drain_timeout = absl::Seconds(10);
  uint32_t emit_limit_per_second = 20'000;  // Events; burst of one second.
  uint32_t log_limit_per_second = 100;      // Lines; burst of ten seconds.
  uint32_t emit_ring_events = 16'384;       // Between a child and the host.
  uint64_t memory_limit_bytes = 512 << 20;  // Address space of a child; 0: any.
  uint32_t max_crashes = 5;  // In 10 min, before quarantine; 0: any number.
  // Consecutive errors of the handler before it is FAILED; 0: any number.
  uint32_t max_consecutive_errors = 0;
  bool redeliver_once = false;  // The message in hand at a crash.
  OnRemove on_remove = OnRemove::kKeepRunning;
  OnChange on_change = OnChange::kUpgrade;
  // After an upgrade, until the first of both.
  absl::Duration probation_time = absl::Seconds(30);
  uint32_t probation_messages = 10'000;

  bool operator==(const PluginSlotOptions&) const = default;
};

// What to load into one slot. A value.
struct PluginSlotSpec {
  std::string id;      // "origin-watch"
  std::string module;  // "origin_watch.so"
  std::string path;    // Of the file.
  // What is wrong already: with the file (see PluginFolderContents), or with
  // its configuration. The slot is INVALID then.
  absl::Status status;
  // Only a file of one of these digests is loaded, lower-case hex; empty: any.
  std::vector<std::string> allowed_sha256 = {};
  std::string denied_sha256;  // A file of this one is not; it is quarantined.
  // A file of one of these runs in a child, whatever the options say: in
  // process it took the host down.
  std::vector<std::string> demoted_sha256 = {};
  std::string config_json = "{}";  // The plugin's own; one JSON object.
  PluginSlotOptions options;

  // What the files alone say: the configuration, and all else in the form that
  // SlotSettings understands, with what tells that it is another.
  std::string file_config_json = "{}";
  std::string file_settings = {};
  std::string file_settings_sha256 = {};
  // What an operator set: that config_json is not the files', and the settings
  // (see SlotSettings; empty: none).
  bool config_set = false;
  std::string settings_set = {};
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_PLUGIN_SLOT_H_
