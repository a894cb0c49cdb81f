#ifndef WEIR_HOST_PLUGIN_FOLDER_PLAN_H_
#define WEIR_HOST_PLUGIN_FOLDER_PLAN_H_

#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "host/control/plugin_status.h"
#include "host/plugin/plugin_folder.h"

namespace weir {

// What to do when the file of a plugin leaves its folder, and when it changes;
// weir.v1.PluginSettings in our own words.
enum class OnRemove { kKeepRunning, kUnload };
enum class OnChange { kUpgrade, kNotify };

// A slot, as far as the folder concerns it. A value.
struct FolderSlot {
  // As it was when this slot last followed a plan; its id is the slot's. Not
  // noted after kRetryLater: then the next plan looks at the file again.
  PluginFile file;
  PluginStatus::State state = PluginStatus::State::kDiscovered;
  std::string sha256;  // Of what runs or was last tried; empty: unread.
  OnRemove on_remove = OnRemove::kKeepRunning;
  OnChange on_change = OnChange::kUpgrade;
  bool stays_stopped = false;  // Disabled, or an operator unloaded it.
  bool missing = false;        // Has condition FILE_MISSING.
  bool changed = false;        // Has condition FILE_CHANGED.
};

// One thing to do for one slot. A value.
struct FolderAction {
  enum class Kind {
    kLoad,           // Make the slot if there is none; load `file`.
    kUpgrade,        // Swap the code for that of `file`, with its settings.
    kNotifyChanged,  // Set condition FILE_CHANGED; what runs stays.
    kClearChanged,   // The folder holds again what runs.
    kReconfigure,    // The same code; read its settings again.
    kRefuse,         // `status` says why. INVALID, if nothing runs in the slot;
                     // else set FILE_CHANGED, and what runs stays.
    kMarkMissing,    // Set condition FILE_MISSING; what runs stays.
    kClearMissing,   // The file is back.
    kUnload,         // Drain and stop, then remove the slot.
    kRemove,         // Nothing runs and nothing is left to run.
    kRetryLater,     // Cannot be said yet; have the contents told again.
  };
  Kind kind;
  std::string id;
  PluginFile file;      // As it is now; as it was, if it is gone.
  absl::Status status;  // Of kRefuse and kRetryLater.
};

// Reads one file and says what is in it: ModuleStore::Add, then CheckModule.
using DigestOf =
    absl::FunctionRef<absl::StatusOr<std::string>(const PluginFile&)>;

// What to do with `slots` now that `contents` is in the folders. Actions come
// by id; those of one id in the order in which to do them. The same contents
// once more, when all was done and noted, make no action.
//
// Asks `digest_of` for a file only if it is new or not as it was, and may be
// loaded; so most plans read no byte. A file whose digest is the slot's was
// touched, or put back: nothing changes. An error of `digest_of` that passes by
// itself (Aborted, ResourceExhausted, Unavailable) makes kRetryLater.
//
// By state, for other code in the file:
//   none, DISCOVERED, INVALID   kLoad
//   RUNNING, PAUSED             kUpgrade, or kNotifyChanged by `on_change`
//   FAILED, QUARANTINED         kLoad, or kNotifyChanged by `on_change`
//   STOPPED                     kLoad; kNotifyChanged if it `stays_stopped`
//   LOADING, DRAINING           kRetryLater
// and for a file that is gone:
//   DISCOVERED, INVALID, STOPPED   kRemove; what `stays_stopped`, kMarkMissing
//   RUNNING, PAUSED                kMarkMissing or kUnload, by `on_remove`
//   FAILED                         kUnload: there is nothing to run again
//   QUARANTINED                    kMarkMissing: its record stays
//   LOADING, DRAINING              kRetryLater
//
// Pure, but for what `digest_of` does.
std::vector<FolderAction> PlanFolder(absl::Span<const FolderSlot> slots,
                                     const PluginFolderContents& contents,
                                     DigestOf digest_of);

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_FOLDER_PLAN_H_
