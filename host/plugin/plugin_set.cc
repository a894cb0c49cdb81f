#include "host/plugin/plugin_set.h"

#include <algorithm>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "host/plugin/in_process_handler.h"
#include "host/plugin/plugin_events.h"

namespace weir {

using State = PluginStatus::State;
using Condition = PluginStatus::Condition;

PluginSet::PluginSet(std::string run_dir, HandlerRegistry& registry,
                     EventSink& sink, const NameTable& types,
                     const NameTable& sources, const Clock& clock,
                     WriteLine write_log)
    : run_dir_(std::move(run_dir)),
      registry_(registry),
      sink_(sink),
      types_(types),
      sources_(sources),
      clock_(clock),
      write_log_(std::move(write_log)) {}

PluginSet::~PluginSet() { UnloadAll(); }

void PluginSet::Load(std::vector<PluginSlotSpec> specs) {
  std::sort(specs.begin(), specs.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });
  std::vector<std::unique_ptr<Slot>> slots;
  for (PluginSlotSpec& spec : specs) {
    auto slot = std::make_unique<Slot>();
    slot->spec = std::move(spec);
    const PluginSlotOptions& options = slot->spec.options;
    PluginStatus& status = slot->status;
    status.name = absl::StrCat("plugins/", slot->spec.id);
    status.module = slot->spec.module;
    status.config_json = slot->spec.config_json;
    status.config_revision = 1;
    status.policy = options.policy;
    status.soft_deadline = options.soft_deadline;
    status.create_deadline = options.create_deadline;
    status.drain_timeout = options.drain_timeout;
    status.emit_limit_per_second = options.emit_limit_per_second;
    status.log_limit_per_second = options.log_limit_per_second;
    slots.push_back(std::move(slot));
  }
  {
    MutexLock lock(&mu_);
    slots_ = std::move(slots);
  }
  for (const auto& slot : slots_) LoadSlot(*slot);
}

void PluginSet::LoadSlot(Slot& slot) {
  if (!slot.spec.status.ok()) {
    MoveTo(slot, State::kInvalid, std::string(slot.spec.status.message()),
           "start");
    return;
  }
  if (slot.spec.options.disabled) {
    MoveTo(slot, State::kStopped, "disabled in the configuration", "start");
    return;
  }
  const uint64_t generation = slot.status.generation + 1;
  absl::StatusOr<std::shared_ptr<const SharedObject>> code = SharedObject::Open(
      slot.spec.path,
      absl::StrCat(run_dir_, "/", slot.spec.id, ".", generation, ".so"),
      slot.spec.allowed_sha256);
  if (!code.ok()) {
    MoveTo(slot, State::kInvalid, std::string(code.status().message()),
           "start");
    return;
  }
  {
    MutexLock lock(&mu_);
    slot.status.generation = generation;
    slot.status.version = std::string((*code)->version());
    slot.status.sha256 = (*code)->sha256();
    slot.status.abi_version = (*code)->table().abi_major;
    slot.pinned = !(*code)->WhyPinned().empty();
  }
  MoveTo(slot, State::kLoading, "found in the plugin folder", "start");
  const absl::Status started = StartHandler(slot, *std::move(code));
  if (started.ok()) {
    MoveTo(slot, State::kRunning, "loaded", "start");
  } else {
    MoveTo(slot, State::kFailed,
           absl::StrCat(slot.spec.path, ": ", started.message()), "start");
  }
}

absl::Status PluginSet::StartHandler(Slot& slot,
                                     std::shared_ptr<const SharedObject> code) {
  const PluginSlotOptions& options = slot.spec.options;
  auto services = std::make_shared<PluginHostServices>(
      PluginHostOptions{slot.status.name, options.emit_limit_per_second,
                        options.log_limit_per_second, write_log_},
      sink_, types_, sources_, clock_);
  {
    MutexLock lock(&mu_);
    slot.services = services;
  }
  const weir_plugin table = code->table();
  auto handler = std::make_unique<InProcessHandler>(
      table, std::move(code), services, slot.spec.config_json);
  const absl::StatusOr<int64_t> capacity =
      registry_.AddHandler({.name = slot.spec.id,
                            .policy = options.policy,
                            .capacity = options.capacity,
                            .max_capacity = options.max_capacity,
                            .sources = options.sources,
                            .seed = options.seed,
                            .create_deadline = options.create_deadline},
                           std::move(handler));
  if (!capacity.ok()) return capacity.status();
  const HandlerStats stats =
      registry_.Stats(slot.spec.id).value_or(HandlerStats());
  if (options.capacity == 0 && *capacity > options.max_capacity) {
    write_log_(
        Severity::kWarning, slot.status.name,
        absl::StrCat("asks for a queue of ", *capacity,
                     " messages; it gets the limit, ", options.max_capacity));
  }
  MutexLock lock(&mu_);
  slot.status.requested_capacity = *capacity;
  slot.status.effective_capacity = stats.capacity;
  slot.status.event_types = services->declared();
  slot.status.load_time = clock_.Now();
  return absl::OkStatus();
}

void PluginSet::MoveTo(Slot& slot, State to, const std::string& reason,
                       absl::string_view actor) {
  const bool bad = to == State::kInvalid || to == State::kFailed;
  const absl::Time now = clock_.Now();
  PluginStatus told;
  {
    MutexLock lock(&mu_);
    PluginStatus& status = slot.status;
    status.last_transition = {status.state,       to,  reason,
                              std::string(actor), now, status.generation};
    status.state = to;
    status.update_time = now;
    status.error = bad ? reason : "";
    told = status;
  }
  write_log_(bad ? Severity::kError : Severity::kInfo, told.name,
             absl::StrCat(PluginStateName(told.last_transition.from), " -> ",
                          PluginStateName(to), ": ", reason));
  Publish(PluginStateEvent(told));
}

void PluginSet::Tick() {
  std::vector<Slot*> slots;
  {
    MutexLock lock(&mu_);
    for (const auto& slot : slots_) slots.push_back(slot.get());
  }
  for (Slot* slot : slots) {
    PluginStatus status;
    {
      MutexLock lock(&mu_);
      status = slot->status;
    }
    if (status.state != State::kRunning) continue;
    const absl::StatusOr<HandlerStats> stats = registry_.Stats(slot->spec.id);
    if (!stats.ok()) continue;
    const bool hung = stats->busy_for > status.soft_deadline;
    const bool is_new = hung && !slot->hung;
    slot->hung = hung;
    if (!is_new) continue;
    write_log_(Severity::kWarning, status.name,
               absl::StrCat("has been in one message for ",
                            absl::FormatDuration(stats->busy_for),
                            "; its soft deadline is ",
                            absl::FormatDuration(status.soft_deadline)));
    Publish(PluginHungEvent(status, stats->busy_for));
  }
}

void PluginSet::Publish(Event event) {
  const std::string name = event.subject;
  const absl::Status published = sink_.Publish(std::move(event));
  if (published.ok()) return;
  write_log_(Severity::kWarning, name,
             absl::StrCat("its event was not kept: ", published.message()));
}

void PluginSet::UnloadAll() {
  for (const auto& slot : slots_) {
    if (slot->status.state != State::kRunning) continue;
    MoveTo(*slot, State::kDraining, "the host stops", "stop");
    const HandlerStats last = StatsOf(*slot);
    {
      MutexLock lock(&mu_);
      slot->last_stats = last;
    }
    const absl::StatusOr<uint64_t> discarded = registry_.RemoveHandler(
        slot->spec.id, slot->spec.options.drain_timeout);
    MoveTo(*slot, State::kStopped,
           discarded.ok()
               ? absl::StrCat("unloaded; ", *discarded, " messages discarded")
               : std::string(discarded.status().message()),
           "stop");
  }
}

HandlerStats PluginSet::StatsOf(const Slot& slot) const {
  const absl::StatusOr<HandlerStats> stats = registry_.Stats(slot.spec.id);
  if (stats.ok()) return *stats;
  MutexLock lock(&mu_);
  return slot.last_stats;
}

std::vector<PluginStatus> PluginSet::List() const {
  std::vector<const Slot*> slots;
  {
    MutexLock lock(&mu_);
    for (const auto& slot : slots_) slots.push_back(slot.get());
  }
  std::vector<PluginStatus> list;
  for (const Slot* slot : slots) {
    const HandlerStats stats = StatsOf(*slot);
    PluginStatus status;
    {
      MutexLock lock(&mu_);
      status = slot->status;
    }
    status.wanted_message_types = stats.wanted_types;
    status.etag =
        absl::StrCat(status.generation, "-", static_cast<int>(status.state),
                     "-", status.config_revision);
    AddConditions(*slot, stats, status);
    list.push_back(std::move(status));
  }
  return list;
}

void PluginSet::AddConditions(const Slot& slot, const HandlerStats& stats,
                              PluginStatus& status) const {
  std::shared_ptr<PluginHostServices> services;
  bool pinned = false;
  {
    MutexLock lock(&mu_);
    services = slot.services;
    pinned = slot.pinned;
  }
  const bool running = status.state == State::kRunning;
  if (running && stats.busy_for > status.soft_deadline) {
    status.conditions.push_back(Condition::kHung);
  }
  if (running && clock_.Now() - stats.last_drop < kRecent) {
    status.conditions.push_back(Condition::kOverloaded);
  }
  if (running && stats.blocking) {
    status.conditions.push_back(Condition::kBlockingSource);
  }
  if (services != nullptr) {
    const int64_t last_ns = services->counts().last_rejection_ns;
    if (last_ns != 0 &&
        absl::Nanoseconds(clock_.MonotonicNs() - last_ns) < kRecent) {
      status.conditions.push_back(Condition::kEmitLimited);
    }
  }
  if (running && status.conditions.empty()) {
    status.conditions.push_back(Condition::kHealthy);
  }
  // Says something of the file, not of how it does.
  if (pinned) status.conditions.push_back(Condition::kPinnedLibrary);
}

std::vector<PluginStats> PluginSet::Stats() const {
  std::vector<const Slot*> slots;
  {
    MutexLock lock(&mu_);
    for (const auto& slot : slots_) slots.push_back(slot.get());
  }
  std::vector<PluginStats> all;
  for (const Slot* slot : slots) {
    PluginStats stats;
    stats.handler = StatsOf(*slot);
    std::shared_ptr<PluginHostServices> services;
    {
      MutexLock lock(&mu_);
      stats.name = slot->status.name;
      stats.generation = slot->status.generation;
      services = slot->services;
    }
    if (services != nullptr) {
      PluginHostServices::Counts counts = services->counts();
      stats.events_emitted = counts.emitted;
      stats.events_rejected = std::move(counts.rejected);
      stats.log_lines = counts.log_lines;
      stats.log_lines_suppressed = counts.log_lines_suppressed;
    }
    all.push_back(std::move(stats));
  }
  return all;
}

}  // namespace weir
