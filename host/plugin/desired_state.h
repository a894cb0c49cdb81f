#ifndef WEIR_HOST_PLUGIN_DESIRED_STATE_H_
#define WEIR_HOST_PLUGIN_DESIRED_STATE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/plugin/config_revision.h"

namespace weir {

// What is to become of one plugin's slot when the host starts again: what
// operators asked for, and what the host has learned of the code. A value.
struct DesiredState {
  enum class Desired {
    kLoaded,   // Load it; what the plugin folder implies for a new file.
    kStopped,  // An operator unloaded it.
  };

  // Why code is not run.
  struct Quarantine {
    std::string sha256;  // Of the code; another digest is not under it.
    std::string reason;  // "5 crashes in 10 min"
    std::string actor;   // "supervisor", "operator:alice"
    absl::Time time;     // Kept to the nanosecond.

    bool operator==(const Quarantine&) const = default;
  };

  // Why code that is to run in the host runs in a child: in process it took the
  // host down.
  struct Demotion {
    std::string sha256;  // Of the code; another digest is not under it.
    std::string reason;  // "SIGSEGV in message 1000, ..."
    absl::Time time;     // Kept to the nanosecond.

    bool operator==(const Demotion&) const = default;
  };
  static constexpr size_t kMaxDemotions = 8;

  // Adds it, as the newest. An older one of the same code goes, and so does the
  // oldest above kMaxDemotions.
  void Demote(Demotion demotion);
  // That of the code; null: it may run in the host.
  const Demotion* FindDemotion(absl::string_view sha256) const;

  Desired desired = Desired::kLoaded;
  bool paused = false;
  std::vector<Demotion> demotions = {};  // Oldest first.
  std::string pinned_module;    // "counts_v2.so"; empty: the file of its name.
  std::string pinned_sha256;    // Run no other digest; empty: what is there.
  std::string previous_sha256;  // What a rollback loads; empty: nothing.
  std::optional<Quarantine> quarantine;
  // The configurations of late, the newest last; that one is to hold.
  std::vector<ConfigRevision> revisions = {};
  // The one that a rollback goes back to, which is among them; 0: none.
  uint64_t previous_revision = 0;

  bool operator==(const DesiredState&) const = default;
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_DESIRED_STATE_H_
