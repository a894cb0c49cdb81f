#include "host/plugin/folder_plan.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <string>
#include <utility>

namespace weir {

namespace {

using Kind = FolderAction::Kind;
using State = PluginStatus::State;

// Whether the slot is between two states, so that what to do depends on the
// one that it reaches.
bool IsOnItsWay(State state) {
  return state == State::kLoading || state == State::kDraining;
}

// Whether nothing ever ran in it: whatever changed may be what was wrong.
bool NeverRan(State state) {
  return state == State::kDiscovered || state == State::kInvalid;
}

bool PassesByItself(const absl::Status& status) {
  return status.code() == absl::StatusCode::kAborted ||
         status.code() == absl::StatusCode::kResourceExhausted ||
         status.code() == absl::StatusCode::kUnavailable;
}

// Whether the file itself may be another; its settings do not count.
bool IsAnother(const PluginFile& a, const PluginFile& b) {
  return a.path != b.path || a.signature != b.signature || a.status != b.status;
}

// Writes the actions for one slot.
class SlotPlan {
 public:
  SlotPlan(std::vector<FolderAction>& actions, const PluginFile& file)
      : actions_(actions), file_(file) {}

  void Add(Kind kind, absl::Status status = absl::OkStatus()) {
    actions_.push_back({kind, file_.id, file_, std::move(status)});
  }

  void FileIsNew(DigestOf digest_of) {
    const absl::StatusOr<std::string> digest = Digest(digest_of);
    if (digest.ok()) {
      Add(Kind::kLoad);
    } else {
      Refuse(digest.status());
    }
  }

  void FileIsGone(const FolderSlot& slot) {
    if (IsOnItsWay(slot.state)) return Add(Kind::kRetryLater);
    switch (slot.state) {
      case State::kRunning:
      case State::kPaused:
        if (slot.on_remove == OnRemove::kUnload) return Add(Kind::kUnload);
        break;
      case State::kFailed:
        return Add(Kind::kUnload);
      case State::kQuarantined:
        break;
      default:
        if (!slot.stays_stopped) return Add(Kind::kRemove);
    }
    if (!slot.missing) Add(Kind::kMarkMissing);
  }

  void FileIsThere(const FolderSlot& slot, DigestOf digest_of) {
    const bool another = IsAnother(file_, slot.file);
    const bool settings = file_.yaml_signature != slot.file.yaml_signature;
    if (!another && !settings && !slot.missing) return;
    if (IsOnItsWay(slot.state)) return Add(Kind::kRetryLater);
    if (slot.missing) Add(Kind::kClearMissing);
    if (NeverRan(slot.state)) {
      if (another || settings) FileIsNew(digest_of);
      return;
    }
    const bool starts = another && CodeIsAnother(slot, digest_of);
    if (settings && !starts) Add(Kind::kReconfigure);
  }

 private:
  absl::StatusOr<std::string> Digest(DigestOf digest_of) const {
    if (!file_.status.ok()) return file_.status;
    return digest_of(file_);
  }

  void Refuse(const absl::Status& why) {
    Add(PassesByItself(why) ? Kind::kRetryLater : Kind::kRefuse, why);
  }

  // Returns whether the slot starts anew, and so reads its settings anyway, or
  // has to be looked at again.
  bool CodeIsAnother(const FolderSlot& slot, DigestOf digest_of) {
    const absl::StatusOr<std::string> digest = Digest(digest_of);
    if (!digest.ok()) {
      Refuse(digest.status());
      return PassesByItself(digest.status());
    }
    if (*digest == slot.sha256) {
      if (slot.changed) Add(Kind::kClearChanged);
      return false;
    }
    const bool tells_only = slot.state == State::kStopped
                                ? slot.stays_stopped
                                : slot.on_change == OnChange::kNotify;
    if (tells_only) {
      Add(Kind::kNotifyChanged);
      return false;
    }
    const bool runs =
        slot.state == State::kRunning || slot.state == State::kPaused;
    Add(runs ? Kind::kUpgrade : Kind::kLoad);
    return true;
  }

  std::vector<FolderAction>& actions_;
  const PluginFile& file_;
};

}  // namespace

std::vector<FolderAction> PlanFolder(absl::Span<const FolderSlot> slots,
                                     const PluginFolderContents& contents,
                                     DigestOf digest_of) {
  std::map<std::string, const FolderSlot*> slot_of;
  for (const FolderSlot& slot : slots) slot_of[slot.file.id] = &slot;
  std::map<std::string, const PluginFile*> file_of;
  for (const PluginFile& file : contents.files) file_of[file.id] = &file;

  std::vector<FolderAction> actions;
  // Both are in order; every id of either comes up once.
  std::map<std::string, const PluginFile*> either = file_of;
  for (const auto& [id, slot] : slot_of) either.emplace(id, &slot->file);
  for (const auto& [id, file] : either) {
    SlotPlan plan(actions, *file);
    const auto slot = slot_of.find(id);
    if (slot == slot_of.end()) {
      plan.FileIsNew(digest_of);
    } else if (file_of.contains(id)) {
      plan.FileIsThere(*slot->second, digest_of);
    } else {
      plan.FileIsGone(*slot->second);
    }
  }
  return actions;
}

}  // namespace weir
