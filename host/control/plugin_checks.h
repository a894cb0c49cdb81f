#ifndef WEIR_HOST_CONTROL_PLUGIN_CHECKS_H_
#define WEIR_HOST_CONTROL_PLUGIN_CHECKS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace weir {

// A module that is to be checked. A value.
struct PluginCheckRequest {
  std::string module;  // "counts.so", in a plugin folder.
  std::string sha256;  // Lower-case hex: no other file; empty: any.
  // The plugin's own, one JSON object; nullopt: what the operator gave it.
  std::optional<std::string> config_json;
  // Nobody waits for it any more then.
  absl::Time deadline = absl::InfiniteFuture();
};

// What a check of a module found. A value.
struct PluginCheckReport {
  enum class Level { kOk, kWarning, kError };  // kError: it is not loaded.
  struct Finding {
    Level level = Level::kOk;
    std::string check;    // Stable: "elf.textrel".
    std::string message;  // What is wrong, and the cure; may be empty if kOk.
  };

  std::string sha256;   // Empty if the file could not be read.
  std::string version;  // Of its note: "1.0.0".
  uint32_t abi_version = 0;
  std::string config_schema;  // Empty: it has none, or does not say.
  std::vector<Finding> findings;

  bool loadable() const {
    for (const Finding& finding : findings) {
      if (finding.level == Level::kError) return false;
    }
    return true;
  }
};

// Who checks modules, and loads none of them. Thread-safe.
class PluginChecks {
 public:
  // Called once, from any thread.
  using Reply = std::function<void(absl::StatusOr<PluginCheckReport>)>;

  virtual ~PluginChecks() = default;

  // Checks the module and replies; the call itself does not wait. That a module
  // is broken is a report, not an error. Checks come one after the other.
  //
  // Replies, each with its ErrorInfo:
  //  - NotFound PLUGIN_MODULE_NOT_FOUND
  //  - FailedPrecondition PLUGIN_DIGEST_MISMATCH: it is another file
  //  - Aborted PLUGIN_BUSY: too many wait, or others outlived the deadline
  //  - Unavailable SERVER_DRAINING: the host stops
  //  - Unavailable without one: there is no process to be had
  virtual void Check(PluginCheckRequest request, Reply reply) = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_CONTROL_PLUGIN_CHECKS_H_
