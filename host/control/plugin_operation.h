#ifndef WEIR_HOST_CONTROL_PLUGIN_OPERATION_H_
#define WEIR_HOST_CONTROL_PLUGIN_OPERATION_H_

#include <cstdint>
#include <optional>
#include <string>

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
  // Empty: the slot's. kUnload, kReload, kUpgrade, kRollback, kQuarantine.
  std::optional<absl::Duration> drain_timeout;
  // kUpgrade; empty: the slot's.
  std::optional<absl::Duration> probation_time;
  bool validate_only = false;  // All checks, no change.
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
