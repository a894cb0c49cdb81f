#ifndef WEIR_HOST_PLUGIN_INSTANCE_MAKER_H_
#define WEIR_HOST_PLUGIN_INSTANCE_MAKER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "host/control/plugin_status.h"
#include "host/pipeline/handler.h"
#include "host/pipeline/message_copy.h"
#include "host/plugin/config_schema.h"
#include "host/plugin/instance_health.h"
#include "host/plugin/plugin_host_services.h"
#include "host/plugin/plugin_slot.h"
#include "host/plugin/trial.h"

namespace weir {

// How an instance of a plugin came to its end by itself. A value.
struct InstanceDeath {
  std::string cause;  // "SIGSEGV", "exit status 3", "hard deadline"
  std::optional<MessageCopy> message;  // That was in its hands.
  std::vector<std::string> frames;     // See SymbolizedStack.
  std::string own_frame;
  bool gave_up = false;  // No crash: it was ended, after too many errors.
};

// A plugin's code, ready to be created. A value; the handler is not created
// yet, and no thread of its own runs.
struct MadeInstance {
  std::shared_ptr<Handler> handler;
  PluginStatus::Isolation isolation = PluginStatus::Isolation::kInProcess;
  std::string sha256;  // Of the file, lower-case hex.
  std::string version;
  uint32_t abi_version = 0;
  std::string config_schema;  // Its text; empty: it has none.
  ConfigSchema schema = {};
  std::string config_json;  // As it is created with: checked, with defaults.
  std::string why_pinned;   // In process: why it can not be unmapped; else "".
  // [any-thread] What of a child; null in process.
  std::function<int32_t()> pid;                         // 0: none, any more.
  std::function<std::optional<InstanceDeath>()> death;  // If it died.
  std::function<double()> cpu_seconds;                  // In all.
  std::function<uint64_t()> rss_bytes;                  // Now.
  // [any-thread] What the plugin says of how it does; may be null.
  std::function<InstanceHealth::Report()> health;
};

// What there is to know of a plugin's file without an instance. A value.
struct ModuleFacts {
  std::string sha256;  // Lower-case hex.
  std::string version;
  uint32_t abi_version = 0;
  std::string config_schema;  // Its text; empty: it has none.
  ConfigSchema schema = {};
};

// Turns a plugin's file into an instance: checks it, keeps a private copy and
// runs it where the settings say. Thread-safe.
class InstanceMaker {
 public:
  virtual ~InstanceMaker() = default;

  // Makes generation `generation` of what `spec` describes. With `sha256`, from
  // the private copy of that digest, which has run before, whatever lies in the
  // folder now.
  //
  // Returns what is wrong with the file, after its path and the check's ID:
  // "x.so: elf.textrel: ...". Returns FailedPrecondition PLUGIN_CONFIG_INVALID
  // for a configuration that its schema does not take.
  virtual absl::StatusOr<MadeInstance> Make(
      const PluginSlotSpec& spec, uint64_t generation, absl::string_view sha256,
      std::shared_ptr<PluginHostServices> services) = 0;

  // Makes a trial of the same code, in a child whatever the settings say, with
  // the slot's limits and configuration, but in a strict sandbox, or one with
  // an empty directory of its own if the slot's is wider: it must not touch
  // what the one that runs has. Errors as above.
  virtual absl::StatusOr<std::shared_ptr<Trial>> MakeTrial(
      const PluginSlotSpec& spec, absl::string_view sha256) = 0;

  // Looks at what Make would make it of; the same errors, but for the
  // configuration. What only an instance can tell may be wrong all the same.
  virtual absl::StatusOr<ModuleFacts> Look(const PluginSlotSpec& spec,
                                           absl::string_view sha256) = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_INSTANCE_MAKER_H_
