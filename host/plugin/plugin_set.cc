#include "host/plugin/plugin_set.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "host/status/error_info.h"

namespace weir {

PluginSet::PluginSet(PluginSurroundings surroundings)
    : surroundings_(std::move(surroundings)) {}

PluginSet::~PluginSet() { UnloadAll(); }

void PluginSet::Load(std::vector<PluginSlotSpec> specs,
                     const std::map<std::string, DesiredState>& desired) {
  Mutex mu;
  CondVar changed;
  size_t waiting = specs.size();
  for (PluginSlotSpec& spec : specs) {
    const auto kept = desired.find(spec.id);
    const std::string id = spec.id;
    auto life = std::make_shared<PluginLife>(std::move(spec), surroundings_);
    life->Begin(kept == desired.end() ? DesiredState() : kept->second, [&] {
      MutexLock lock(&mu);
      --waiting;
      changed.NotifyAll();
    });
    MutexLock lock(&mu_);
    lives_.emplace(id, std::move(life));
  }
  MutexLock lock(&mu);
  while (waiting > 0) changed.Wait(&mu);
}

std::vector<std::shared_ptr<PluginLife>> PluginSet::lives() const {
  std::vector<std::shared_ptr<PluginLife>> all;
  MutexLock lock(&mu_);
  all.reserve(lives_.size());
  for (const auto& [id, life] : lives_) all.push_back(life);
  return all;
}

void PluginSet::Tick() {
  for (const auto& life : lives()) life->Tick();
}

void PluginSet::UnloadAll() {
  const auto all = lives();
  for (const auto& life : all) life->Stop();
  for (const auto& life : all) life->Join();
}

void PluginSet::Do(PluginOperation operation, Reply reply) {
  std::shared_ptr<PluginLife> life;
  {
    MutexLock lock(&mu_);
    const auto found =
        lives_.find(std::string(absl::StripPrefix(operation.name, "plugins/")));
    if (found != lives_.end()) life = found->second;
  }
  if (life == nullptr) {
    return reply(
        MakeError(absl::StatusCode::kNotFound,
                  absl::StrCat("no plugin is called \"", operation.name,
                               "\"; ListPlugins names them"),
                  {.reason = "PLUGIN_NOT_FOUND",
                   .metadata = {{"name", operation.name}}}));
  }
  life->Do(std::move(operation), std::move(reply));
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
