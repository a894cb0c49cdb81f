#include "host/plugin/plugin_set.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "host/plugin/plugin_folder.h"
#include "host/status/error_info.h"

namespace weir {
namespace {

absl::Status NoSuch(absl::string_view name) {
  return MakeError(absl::StatusCode::kNotFound,
                   absl::StrCat("no plugin is called \"", name,
                                "\"; ListPlugins names them"),
                   {.reason = "PLUGIN_NOT_FOUND",
                    .metadata = {{"name", std::string(name)}}});
}

absl::Status NotKept() {
  return absl::UnavailableError(
      "poison messages are not kept: their file could not be opened when the "
      "host started; its log says why");
}

}  // namespace

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

bool PluginSet::Reap(absl::Time end) {
  std::vector<std::shared_ptr<PluginLife>> leaving;
  {
    MutexLock lock(&mu_);
    leaving.swap(leaving_);
  }
  std::erase_if(leaving, [end](const auto& life) {
    return life->Join(end - absl::Now());
  });
  if (leaving.empty()) return true;
  MutexLock lock(&mu_);
  leaving_.insert(leaving_.end(), leaving.begin(), leaving.end());
  return false;
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

bool PluginSet::UnloadAll(absl::Duration drain, absl::Duration limit) {
  const absl::Time end = absl::Now() + limit;
  replayer_.Stop();
  const auto all = lives();
  for (const auto& life : all) life->Stop(drain);
  bool ended = Reap(end);
  for (const auto& life : all) ended = life->Join(end - absl::Now()) && ended;
  return ended;
}

void PluginSet::Do(PluginOperation operation, Reply reply) {
  using Kind = PluginOperation::Kind;
  const std::string id(absl::StripPrefix(
      operation.name.empty() ? PluginIdOf(operation.module) : operation.name,
      "plugins/"));
  operation.name = absl::StrCat("plugins/", id);
  std::shared_ptr<PluginLife> life = Find(id);
  if (life == nullptr && operation.kind != Kind::kLoad) {
    return reply(NoSuch(operation.name));
  }
  std::optional<PluginSlotSpec> fresh;
  if (operation.kind == Kind::kLoad || operation.kind == Kind::kUpgrade) {
    absl::StatusOr<PluginSlotSpec> found = Fresh(id, operation.module);
    if (!found.ok()) {
      return reply(MakeError(absl::StatusCode::kNotFound,
                             found.status().message(),
                             {.reason = "PLUGIN_MODULE_NOT_FOUND",
                              .metadata = {{"name", operation.name}}}));
    }
    fresh = *std::move(found);
  }
  if (life == nullptr) {
    // A slot that is there but for its plugin; then as with any other.
    DesiredState stopped;
    stopped.desired = DesiredState::Desired::kStopped;
    life = Make(*fresh, stopped, [] {});
  }
  life->Do(std::move(operation), std::move(fresh),
           [this, id,
            reply = std::move(reply)](absl::StatusOr<PluginOutcome> outcome) {
             if (outcome.ok() && outcome->removed) {
               surroundings_.forget(id);
               Remove(id);
             }
             reply(std::move(outcome));
           });
}

// What the slot would load now: the module of its name, or another one.
absl::StatusOr<PluginSlotSpec> PluginSet::Fresh(
    const std::string& id, const std::string& module) const {
  absl::StatusOr<PluginSlotSpec> spec = find_spec_(id, module);
  if (module.empty() || (spec.ok() && spec->module == module)) return spec;
  absl::StatusOr<PluginSlotSpec> other = find_spec_(PluginIdOf(module), module);
  if (!other.ok()) return other;
  // Its settings are the slot's, if it has some.
  if (spec.ok()) {
    spec->module = other->module;
    spec->path = other->path;
    spec->status = other->status;
    return spec;
  }
  other->id = id;
  return other;
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
    slot.on_remove =
        status.unload_on_remove ? OnRemove::kUnload : OnRemove::kKeepRunning;
    slot.on_change =
        status.notify_on_change ? OnChange::kNotify : OnChange::kUpgrade;
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

absl::StatusOr<std::vector<PoisonMessage>> PluginSet::ListPoison(
    absl::string_view parent) const {
  const absl::string_view id = absl::StripPrefix(parent, "plugins/");
  if (id != "-" && Find(std::string(id)) == nullptr) return NoSuch(parent);
  if (surroundings_.poisons == nullptr) return NotKept();
  return surroundings_.poisons->List(parent);
}

absl::StatusOr<PoisonMessage> PluginSet::GetPoison(absl::string_view plugin,
                                                   uint64_t number) const {
  if (surroundings_.poisons == nullptr) return NotKept();
  absl::StatusOr<PoisonMessage> poison =
      surroundings_.poisons->Get(plugin, number);
  if (!absl::IsNotFound(poison.status())) return poison;
  return MakeError(
      absl::StatusCode::kNotFound, poison.status().message(),
      {.reason = "POISON_MESSAGE_NOT_FOUND",
       .metadata = {
           {"name", absl::StrCat(plugin, "/poisonMessages/", number)}}});
}

void PluginSet::ReplayPoison(PoisonReplay replay, ReplayReply reply) {
  absl::StatusOr<PoisonMessage> poison =
      GetPoison(replay.plugin, replay.number);
  if (!poison.ok()) return reply(poison.status());
  if (!poison->message.whole) {
    return reply(MakeError(
        absl::StatusCode::kNotFound,
        absl::StrCat(replay.plugin, "/poisonMessages/", replay.number, ": of ",
                     poison->message.payload_bytes,
                     " bytes of payload only the begin is kept; a message is "
                     "kept whole up to ",
                     MessageCopy::kMaxBytes, " bytes, decoded data included"),
        {.reason = "POISON_MESSAGE_NOT_FOUND",
         .metadata = {{"name", replay.plugin}}}));
  }
  const std::string id(absl::StripPrefix(replay.plugin, "plugins/"));
  // The code that the slot has; where it has none, what its file holds.
  const std::shared_ptr<PluginLife> life = Find(id);
  std::string sha256;
  if (replay.module.empty() && life != nullptr) sha256 = life->status().sha256;
  absl::StatusOr<PluginSlotSpec> spec = Fresh(id, replay.module);
  if (!spec.ok()) {
    return reply(MakeError(absl::StatusCode::kNotFound, spec.status().message(),
                           {.reason = "PLUGIN_MODULE_NOT_FOUND",
                            .metadata = {{"name", replay.plugin}}}));
  }
  TrialMessage message = {
      .message = std::move(poison->message),
      .type = std::move(poison->type),
      .source = std::string(absl::StripPrefix(poison->source, "sources/"))};
  replayer_.Replay(
      [&maker = surroundings_.maker, spec = *std::move(spec),
       sha256]() -> absl::StatusOr<std::shared_ptr<Trial>> {
        if (!spec.status.ok()) return spec.status;
        return maker.MakeTrial(spec, sha256);
      },
      std::move(message), replay.deadline,
      [name = replay.plugin,
       reply = std::move(reply)](absl::StatusOr<TrialResult> result) {
        if (result.ok() || GetErrorInfo(result.status()).has_value()) {
          return reply(std::move(result));
        }
        reply(MakeError(
            absl::StatusCode::kFailedPrecondition, result.status().message(),
            {.reason = "PLUGIN_INIT_FAILED", .metadata = {{"name", name}}}));
      });
}

std::vector<PluginStats> PluginSet::Stats() const {
  std::vector<PluginStats> all;
  for (const auto& life : lives()) all.push_back(life->stats());
  return all;
}

}  // namespace weir
