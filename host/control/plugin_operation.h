#ifndef WEIR_HOST_CONTROL_PLUGIN_OPERATION_H_
#define WEIR_HOST_CONTROL_PLUGIN_OPERATION_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "host/control/plugin_status.h"

namespace weir {

// Something that an operator wants done to one plugin. A value; what each does
// is written at the method of weir.v1.PluginService of its name.
struct PluginOperation {
  enum class Kind {
    kLoad,
    kUnload,
    kReload,
    kUpgrade,
    kRollback,
    kConfigure,
    kPause,
    kResume,
    kQuarantine,
    kRelease,
    kResetStats,
  };

  Kind kind = Kind::kLoad;
  std::string name;    // "plugins/counts"; kLoad: empty = from the module.
  std::string module;  // kLoad, kUpgrade: "counts.so"; empty = the slot's.
  std::string sha256;  // kLoad, kUpgrade: refuse any other; empty = any.
  std::string etag;    // Empty: any.
  std::string reason;  // For people; kept in the transition and its event.
  std::string actor;   // "operator:alice"
  // The plugin's own configuration, one JSON object, or those top-level keys of
  // it; one that it has not is taken out. kLoad, kUpgrade: all of it, always.
  std::optional<std::string> config_json = {};
  std::vector<std::string> config_keys = {};  // kConfigure; empty: all of it.
  bool config_reset = false;  // kConfigure: back to what the files say.
  // The bytes of a weir.v1.PluginSettings, and which fields of it: what is
  // unset there is as the files say again. kLoad, kConfigure.
  std::optional<std::string> settings = {};
  std::vector<std::string> settings_fields = {};  // Empty: those that are set.
  bool settings_reset = false;  // kConfigure: first, back to the files.
  // Empty: the slot's. kUnload, kReload, kUpgrade, kRollback, kQuarantine,
  // kConfigure.
  std::optional<absl::Duration> drain_timeout;
  // kUpgrade; empty: the slot's.
  std::optional<absl::Duration> probation_time;
  bool validate_only = false;  // All checks, no change.
  bool cold = false;           // kReload: hand over no state.
  bool start_paused = false;   // kLoad.
  bool force = false;          // kUnload: do not wait for queued messages.
  bool remove = false;         // kUnload: forget the slot, too.
  // Whoever waits for the slot's turn gives up then.
  absl::Time deadline = absl::InfiniteFuture();
};

// What it came to. A value.
struct PluginOutcome {
  PluginStatus status;  // After; before, with validate_only.
  uint64_t discarded_messages = 0;
  bool removed = false;  // There is no such slot any more.
};

}  // namespace weir

#endif  // WEIR_HOST_CONTROL_PLUGIN_OPERATION_H_
