#include "host/plugin/folder_follower.h"

#include <set>
#include <utility>

#include "absl/status/statusor.h"
#include "host/plugin/elf_check.h"
#include "host/plugin/folder_plan.h"
#include "host/plugin/module_check.h"

namespace weir {

FolderFollower::FolderFollower(PluginSet& plugins, ModuleStore& store,
                               std::vector<uid_t> owners,
                               PluginSet::FindSpec find_spec,
                               std::function<void(absl::string_view)> notice)
    : plugins_(plugins),
      store_(store),
      owners_(std::move(owners)),
      find_spec_(std::move(find_spec)),
      notice_(std::move(notice)) {}

void FolderFollower::Know(const PluginFolderContents& contents) {
  for (const PluginFile& file : contents.files) followed_[file.id] = file;
  noticed_ = contents.notices;
}

bool FolderFollower::Follow(const PluginFolderContents& contents) {
  if (contents.notices != noticed_) {
    noticed_ = contents.notices;
    for (const std::string& notice : noticed_) notice_(notice);
  }
  std::vector<FolderSlot> slots = plugins_.FolderSlots();
  for (FolderSlot& slot : slots) {
    const auto followed = followed_.find(slot.file.id);
    if (followed != followed_.end()) slot.file = followed->second;
  }
  const std::vector<FolderAction> actions =
      PlanFolder(slots, contents,
                 [this](const PluginFile& file) -> absl::StatusOr<std::string> {
                   auto module = store_.Add(file.path, owners_);
                   if (!module.ok()) return module.status();
                   auto report = CheckModule(*module, {});
                   if (!report.ok()) return report.status();
                   return module->sha256;
                 });
  std::set<std::string> later;
  for (const FolderAction& action : actions) {
    if (action.kind == FolderAction::Kind::kRetryLater) {
      later.insert(action.id);
      continue;
    }
    absl::StatusOr<PluginSlotSpec> spec =
        find_spec_(action.id, action.file.module);
    PluginSlotSpec known;
    if (spec.ok()) {
      known = *std::move(spec);
    } else {
      known.id = action.id;
      known.module = action.file.module;
      known.path = action.file.path;
      known.status = spec.status();
    }
    plugins_.Follow(action, std::move(known));
  }
  std::map<std::string, PluginFile> followed;
  for (const PluginFile& file : contents.files) {
    if (later.count(file.id) == 0) followed[file.id] = file;
  }
  followed_ = std::move(followed);
  return later.empty();
}

}  // namespace weir
