#include "host/plugin/plugin_set.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "host/plugin/plugin_folder.h"
#include "host/status/error_info.h"

namespace weir {

PluginSet::PluginSet(PluginSurroundings surroundings, FindSpec find_spec)
    : surroundings_(std::move(surroundings)),
      find_spec_(std::move(find_spec)) {}

PluginSet::~PluginSet() { UnloadAll(); }

void PluginSet::Load(std::vector<PluginSlotSpec> specs,
                     const std::map<std::string, DesiredState>& desired) {
  Mutex mu;
  CondVar changed;
  size_t waiting = specs.size();
  for (PluginSlotSpec& spec : specs) {
    const auto kept = desired.find(spec.id);
    Make(std::move(spec), kept == desired.end() ? DesiredState() : kept->second,
         [&] {
           MutexLock lock(&mu);
           --waiting;
           changed.NotifyAll();
         });
  }
  MutexLock lock(&mu);
  while (waiting > 0) changed.Wait(&mu);
}

std::shared_ptr<PluginLife> PluginSet::Make(PluginSlotSpec spec,
                                            DesiredState desired,
                                            std::function<void()> begun) {
  Reap();
  MutexLock lock(&mu_);
  std::shared_ptr<PluginLife>& life = lives_[spec.id];
  if (life != nullptr) return life;
  life = std::make_shared<PluginLife>(std::move(spec), surroundings_);
  life->Begin(std::move(desired), std::move(begun));
  return life;
}

void PluginSet::Remove(const std::string& id) {
  std::shared_ptr<PluginLife> life;
  {
    MutexLock lock(&mu_);
    const auto found = lives_.find(id);
    if (found == lives_.end()) return;
    life = std::move(found->second);
    lives_.erase(found);
    leaving_.push_back(life);
  }
  life->Stop();
}

void PluginSet::Reap() {
  std::vector<std::shared_ptr<PluginLife>> leaving;
  {
    MutexLock lock(&mu_);
    leaving.swap(leaving_);
  }
  for (const auto& life : leaving) life->Join();
}

std::shared_ptr<PluginLife> PluginSet::Find(const std::string& id) const {
  MutexLock lock(&mu_);
  const auto found = lives_.find(id);
  return found == lives_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<PluginLife>> PluginSet::lives() const {
  std::vector<std::shared_ptr<PluginLife>> all;
  MutexLock lock(&mu_);
  all.reserve(lives_.size());
  for (const auto& [id, life] : lives_) all.push_back(life);
  return all;
}

void PluginSet::Tick() {
  Reap();
  for (const auto& life : lives()) life->Tick();
}

void PluginSet::UnloadAll() {
  Reap();
  const auto all = lives();
  for (const auto& life : all) life->Stop();
  for (const auto& life : all) life->Join();
}

void PluginSet::Do(PluginOperation operation, Reply reply) {
  const std::string id(absl::StripPrefix(
      operation.name.empty() ? PluginIdOf(operation.module) : operation.name,
      "plugins/"));
  const std::shared_ptr<PluginLife> life = Find(id);
  if (life != nullptr) {
    return life->Do(std::move(operation),
                    [this, id, reply = std::move(reply)](
                        absl::StatusOr<PluginOutcome> outcome) {
                      if (outcome.ok() && outcome->removed) {
                        surroundings_.forget(id);
                        Remove(id);
                      }
                      reply(std::move(outcome));
                    });
  }
  if (operation.kind == PluginOperation::Kind::kLoad) {
    operation.name = absl::StrCat("plugins/", id);
    return LoadNew(std::move(operation), std::move(reply));
  }
  reply(MakeError(
      absl::StatusCode::kNotFound,
      absl::StrCat("no plugin is called \"", operation.name,
                   "\"; ListPlugins names them"),
      {.reason = "PLUGIN_NOT_FOUND", .metadata = {{"name", operation.name}}}));
}

// A module that has no slot yet.
void PluginSet::LoadNew(PluginOperation operation, Reply reply) {
  const std::string id(absl::StripPrefix(operation.name, "plugins/"));
  absl::StatusOr<PluginSlotSpec> spec = find_spec_(id, operation.module);
  if (!spec.ok()) {
    return reply(MakeError(absl::StatusCode::kNotFound, spec.status().message(),
                           {.reason = "PLUGIN_MODULE_NOT_FOUND",
                            .metadata = {{"name", operation.name}}}));
  }
  DesiredState stopped;
  stopped.desired = DesiredState::Desired::kStopped;
  Make(*std::move(spec), stopped, [] {});
  Do(std::move(operation), std::move(reply));
}

std::vector<FolderSlot> PluginSet::FolderSlots() const {
  std::vector<FolderSlot> slots;
  for (const auto& life : lives()) {
    const PluginStatus status = life->status();
    // Two slots may share a file; it is the one's of its name.
    if (absl::StrCat("plugins/", PluginIdOf(status.module)) != status.name) {
      continue;
    }
    const auto has = [&status](PluginStatus::Condition condition) {
      return std::find(status.conditions.begin(), status.conditions.end(),
                       condition) != status.conditions.end();
    };
    FolderSlot slot;
    slot.file.id = std::string(absl::StripPrefix(status.name, "plugins/"));
    slot.state = status.state;
    slot.sha256 = status.sha256;
    slot.on_remove = life->options().on_remove;
    slot.on_change = life->options().on_change;
    // Whoever stopped it wants it so.
    slot.stays_stopped = status.state == PluginStatus::State::kStopped;
    slot.missing = has(PluginStatus::Condition::kFileMissing);
    slot.changed = has(PluginStatus::Condition::kFileChanged);
    slots.push_back(std::move(slot));
  }
  return slots;
}

void PluginSet::Follow(const FolderAction& action, PluginSlotSpec spec) {
  using Kind = FolderAction::Kind;
  const std::string id = action.id;
  const std::shared_ptr<PluginLife> life = Find(id);
  if (life == nullptr) {
    if (action.kind == Kind::kRefuse) spec.status = action.status;
    if (action.kind == Kind::kLoad || action.kind == Kind::kRefuse) {
      Make(std::move(spec), DesiredState(), [] {});
    }
    return;
  }
  const bool removes =
      action.kind == Kind::kUnload || action.kind == Kind::kRemove;
  life->Follow(action, std::move(spec), [this, id, removes] {
    if (removes) Remove(id);
  });
}

std::vector<PluginStatus> PluginSet::List() const {
  std::vector<PluginStatus> list;
  for (const auto& life : lives()) list.push_back(life->status());
  return list;
}

std::vector<PluginStats> PluginSet::Stats() const {
  std::vector<PluginStats> all;
  for (const auto& life : lives()) all.push_back(life->stats());
  return all;
}

}  // namespace weir
