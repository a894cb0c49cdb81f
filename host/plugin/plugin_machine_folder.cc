// How a PluginMachine follows what lies in the plugin folder.

#include <utility>

#include "absl/strings/str_cat.h"
#include "host/plugin/plugin_machine.h"

namespace weir {

using State = PluginStatus::State;
using Kind = FolderAction::Kind;

void PluginMachine::Follow(const FolderAction& action, PluginSlotSpec spec) {
  PluginOperation operation;
  operation.actor = "watcher";
  const auto set = [this](bool PluginMachine::*flag, bool value) {
    MutexLock lock(&mu_);
    this->*flag = value;
  };
  switch (action.kind) {
    case Kind::kLoad:
    case Kind::kUpgrade:
      operation.kind = PluginOperation::Kind::kUpgrade;
      operation.reason = current_.has_value() ? "its file has changed"
                                              : "found in the plugin folder";
      set(&PluginMachine::file_changed_, false);
      set(&PluginMachine::file_missing_, false);
      break;
    case Kind::kReconfigure:
      operation.kind = PluginOperation::Kind::kReload;
      operation.reason = "its settings have changed";
      break;
    case Kind::kNotifyChanged:
      return set(&PluginMachine::file_changed_, true);
    case Kind::kClearChanged:
      return set(&PluginMachine::file_changed_, false);
    case Kind::kMarkMissing:
      return set(&PluginMachine::file_missing_, true);
    case Kind::kClearMissing:
      return set(&PluginMachine::file_missing_, false);
    case Kind::kRefuse:
      if (current_.has_value()) {
        set(&PluginMachine::file_changed_, true);
        return around_.write_log(
            Severity::kError, status().name,
            absl::StrCat(action.status.message(), "; what runs goes on"));
      }
      spec_.status = action.status;
      return MoveTo(State::kInvalid, std::string(action.status.message()),
                    operation.actor);
    case Kind::kUnload:
    case Kind::kRemove:
      operation.kind = PluginOperation::Kind::kUnload;
      operation.reason = "its file has left the plugin folder";
      Do(operation).IgnoreError();
      return;
    case Kind::kRetryLater:
      return;
  }
  const bool same_code = operation.kind == PluginOperation::Kind::kReload;
  const State state = status().state;
  // What does not run because somebody wants it so is not started by this.
  const bool stays =
      same_code && (state == State::kStopped || state == State::kQuarantined);
  if (!spec.status.ok() && !current_.has_value() && !stays) {
    spec_.status = spec.status;
    return MoveTo(State::kInvalid, std::string(spec.status.message()),
                  operation.actor);
  }
  absl::Status done = spec.status;
  if (done.ok()) {
    spec = Overruled(std::move(spec));
    done = stays || (same_code && current_.has_value())
               ? ChangeTo(operation, std::move(spec)).status()
               : Exchange(operation, std::move(spec), "").status();
  }
  set(&PluginMachine::config_refused_, same_code && !done.ok());
  if (done.ok()) return;
  if (current_.has_value() && !same_code) {
    set(&PluginMachine::file_changed_, true);
  }
  around_.write_log(
      Severity::kError, status().name,
      absl::StrCat(done.message(),
                   current_.has_value() ? "; what runs goes on" : ""));
}

}  // namespace weir
