#ifndef WEIR_HOST_CONTROL_PLUGIN_STATUS_H_
#define WEIR_HOST_CONTROL_PLUGIN_STATUS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "host/control/sandbox_profile.h"
#include "host/pipeline/handler_registry.h"

namespace weir {

// How a plugin's slot is doing; weir.v1.Plugin in our own words, where each
// field is explained. A value.
struct PluginStatus {
  enum class State {  // The numbers of weir.v1.Plugin.State.
    kDiscovered = 1,
    kInvalid = 2,
    kLoading = 3,
    kRunning = 4,
    kPaused = 5,
    kDraining = 6,
    kStopped = 7,
    kFailed = 8,
    kQuarantined = 9,
  };
  enum class Condition {  // The numbers of weir.v1.Plugin.Condition.
    kHealthy = 1,
    kHung = 2,
    kOverloaded = 3,
    kPinnedLibrary = 4,
    kBlockingSource = 5,
    kOnProbation = 6,
    kRolledBack = 7,
    kDemoted = 8,
    kFileChanged = 9,
    kFileMissing = 10,
    kEmitLimited = 11,
    kDegraded = 12,
  };

  enum class Isolation { kInProcess = 1, kChild = 2 };  // weir.v1.Isolation's.

  std::string name;    // "plugins/origin-watch"
  std::string module;  // "origin_watch.so"
  std::string version;
  std::string sha256;  // Lower-case hex; empty if the file could not be read.
  uint32_t abi_version = 0;
  State state = State::kDiscovered;
  std::vector<Condition> conditions;
  std::string error;  // Last failure, for people; empty = none.
  struct {
    State from = State::kDiscovered, to = State::kDiscovered;
    std::string reason, actor;
    absl::Time time;
    uint64_t generation = 0;
  } last_transition;
  // Effective, one JSON object, without what is secret; empty: not known yet.
  std::string config_json;
  std::string config_schema;  // Its text; empty: it has none.
  uint64_t config_revision = 0;
  Isolation isolation = Isolation::kChild;
  SandboxProfile sandbox = SandboxProfile::kStrict;
  QueuePolicy policy = QueuePolicy::kLinearDrop;
  absl::Duration soft_deadline, hard_deadline, create_deadline, drain_timeout;
  uint64_t memory_limit_bytes = 0;  // 0: none.
  uint32_t emit_ring_events = 0;
  uint32_t max_crashes = 0;
  uint32_t max_consecutive_errors = 0;  // 0: any number.
  bool redeliver_once = false;
  bool unload_on_remove = false;  // Else it is kept running.
  bool notify_on_change = false;  // Else it is upgraded.
  absl::Duration probation_time;
  uint32_t probation_messages = 0;
  uint32_t emit_limit_per_second = 0;
  uint32_t log_limit_per_second = 0;
  int64_t requested_capacity = 0;
  uint32_t effective_capacity = 0;
  uint64_t generation = 0;
  absl::Time load_time = absl::InfinitePast();
  absl::Time update_time = absl::InfinitePast();
  absl::Time next_restart_time = absl::InfinitePast();  // FAILED, if pending.
  uint32_t restart_count = 0;
  uint32_t poison_count = 0;    // Kept poison messages.
  int32_t pid = 0;              // Of the child; 0: none.
  std::string previous_sha256;  // What a rollback would load; empty: nothing.
  std::vector<std::string> wanted_message_types;
  std::vector<std::string> event_types;
  std::string health;    // What it says of itself, if it is degraded.
  std::string demotion;  // Why it runs in a child and not in the host.
  std::string etag;
};

}  // namespace weir

#endif  // WEIR_HOST_CONTROL_PLUGIN_STATUS_H_
