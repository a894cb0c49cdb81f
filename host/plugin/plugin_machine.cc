#include "host/plugin/plugin_machine.h"

#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "host/plugin/plugin_events.h"
#include "host/plugin/plugin_options_status.h"

namespace weir {

using State = PluginStatus::State;
using Condition = PluginStatus::Condition;
using Intake = HandlerSlot::Intake;

namespace {

// Who acts, if no operator does.
constexpr char kSupervisor[] = "supervisor";

std::shared_ptr<HandlerSlot> MakeSlot(HandlerRegistry& registry,
                                      const PluginSlotSpec& spec) {
  auto slot = registry.AddSlot(ToHandlerOptions(spec));
  // Ids are unique, and the registry is open as long as plugins are made.
  return slot.ok() ? *std::move(slot) : nullptr;
}

// What the status says before anything has happened.
PluginStatus FirstStatus(const PluginSlotSpec& spec) {
  PluginStatus status;
  status.name = absl::StrCat("plugins/", spec.id);
  status.module = spec.module;
  status.isolation = spec.options.isolation;
  FillOptions(spec.options, &status);
  return status;
}

// A plugin that did not come to an answer may come to one the next time.
bool MayBetter(const absl::Status& status) {
  return absl::IsAborted(status) || absl::IsDeadlineExceeded(status);
}

uint64_t Processed(const Books& books) {
  return books.processed_ok + books.processed_error;
}

}  // namespace

PluginMachine::PluginMachine(PluginSlotSpec spec,
                             const PluginSurroundings& surroundings,
                             std::function<void(uint64_t)> on_gone)
    : around_(surroundings),
      on_gone_(std::move(on_gone)),
      services_(std::make_shared<PluginHostServices>(
          PluginHostOptions{absl::StrCat("plugins/", spec.id),
                            spec.options.emit_limit_per_second,
                            spec.options.log_limit_per_second,
                            surroundings.write_log, surroundings.key_values,
                            surroundings.replies, surroundings.nodes,
                            surroundings.outboxes},
          surroundings.sink, surroundings.types, surroundings.sources,
          surroundings.clock)),
      slot_(MakeSlot(surroundings.registry, spec)),
      spec_(std::move(spec)),
      restarts_(spec_.options.max_crashes, spec_.options.seed),
      status_(FirstStatus(spec_)) {
  if (around_.poisons == nullptr) return;
  const uint32_t poison_count =
      around_.poisons->Count(absl::StrCat("plugins/", spec_.id));
  MutexLock lock(&mu_);
  status_.poison_count = poison_count;
}

PluginMachine::~PluginMachine() {
  EndPrevious();
  EndCurrent();
  around_.registry.RemoveSlot(spec_.id).IgnoreError();
}

void PluginMachine::Begin(const DesiredState& desired) {
  desired_ = desired;
  paused_ = desired.paused;
  if (spec_.status.ok()) spec_ = Overruled(std::move(spec_));
  {
    MutexLock lock(&mu_);
    status_.previous_sha256 = desired.previous_sha256;
    if (!desired.revisions.empty()) {
      status_.config_revision = desired.revisions.back().number;
    }
  }
  ApplyOptions();
  if (desired.quarantine.has_value()) {
    slot_->SetIntake(Intake::kQuarantined);
    return MoveTo(State::kQuarantined, desired.quarantine->reason,
                  desired.quarantine->actor);
  }
  if (!spec_.status.ok()) {
    return MoveTo(State::kInvalid, std::string(spec_.status.message()),
                  "start");
  }
  if (spec_.options.disabled) {
    return MoveTo(State::kStopped, "disabled in the configuration", "start");
  }
  if (desired.desired == DesiredState::Desired::kStopped) {
    return MoveTo(State::kStopped, "unloaded before the host started", "start");
  }
  Load("found in the plugin folder", "start", desired.pinned_sha256)
      .IgnoreError();
}

absl::Status PluginMachine::Load(const std::string& reason,
                                 const std::string& actor,
                                 absl::string_view sha256) {
  restart_at_ = absl::InfiniteFuture();
  slot_->SetIntake(Intake::kQueue);
  const absl::Time begun = around_.clock.Now();
  absl::StatusOr<Running> next = Prepare(spec_, sha256);
  if (next.ok()) {
    slot_->Hold(paused_);
    // Nobody has the turn, so there is nobody to wait for.
    slot_->Switch(next->instance, absl::ZeroDuration()).IgnoreError();
    Adopt(*std::move(next), actor);
    MoveTo(paused_ ? State::kPaused : State::kRunning, reason, actor);
    return absl::OkStatus();
  }
  if (MayBetter(next.status())) {
    OnCrash(std::string(next.status().message()), begun);
    return next.status();
  }
  slot_->SetIntake(Intake::kNotRunning);
  slot_->Discard();
  MoveTo(status().state == State::kLoading ? State::kFailed : State::kInvalid,
         std::string(next.status().message()), actor);
  return next.status();
}

// Makes an instance and creates it. Moves to LOADING in between, if nothing
// runs: what is wrong before that is wrong with the file.
absl::StatusOr<PluginMachine::Running> PluginMachine::Prepare(
    const PluginSlotSpec& spec, absl::string_view sha256) {
  Running next;
  next.spec = spec;
  next.generation = last_generation_ + 1;
  next.spec.demoted_sha256.clear();
  for (const DesiredState::Demotion& demotion : desired_.demotions) {
    next.spec.demoted_sha256.push_back(demotion.sha256);
  }
  auto made = around_.maker.Make(next.spec, next.generation, sha256, services_);
  if (!made.ok()) return made.status();
  next.made = *std::move(made);
  // What runs has the slot's settings still, but for how long this may take.
  HandlerOptions options = ToHandlerOptions(spec_);
  options.create_deadline = spec.options.create_deadline;
  slot_->Configure(options);
  last_generation_ = next.generation;
  if (!current_.has_value()) {
    {
      MutexLock lock(&mu_);
      status_.sha256 = next.made.sha256;
      status_.version = next.made.version;
      status_.generation = next.generation;
    }
    MoveTo(State::kLoading, "its file is as it must be", kSupervisor);
  }
  const auto prepared = slot_->Prepare(
      next.made.handler, [on_gone = on_gone_, generation = next.generation] {
        on_gone(generation);
      });
  if (!prepared.ok()) {
    return absl::Status(
        prepared.status().code(),
        absl::StrCat(spec.path, ": ", prepared.status().message()));
  }
  next.instance = prepared->instance;
  next.since = around_.clock.Now();
  MutexLock lock(&mu_);
  status_.requested_capacity = prepared->requested_capacity;
  return next;
}

// Makes `next` the current one; the slot has given it the turn.
void PluginMachine::Adopt(Running next, const std::string& actor) {
  current_ = std::move(next);
  spec_ = current_->spec;
  hung_ = false;
  ApplyOptions();
  Record(actor);
  const HandlerStats stats = slot_->Stats();
  const MadeInstance& made = current_->made;
  MutexLock lock(&mu_);
  status_.module = spec_.module;
  status_.config_json = made.schema.Mask(made.config_json);
  status_.config_schema = made.config_schema;
  status_.version = made.version;
  status_.sha256 = made.sha256;
  status_.abi_version = made.abi_version;
  status_.isolation = made.isolation;
  status_.generation = current_->generation;
  status_.load_time = current_->since;
  status_.effective_capacity = stats.capacity;
  status_.event_types = services_->declared();
  why_pinned_ = made.why_pinned;
  const DesiredState::Demotion* const demotion =
      desired_.FindDemotion(made.sha256);
  const bool demoted =
      demotion != nullptr && made.isolation != spec_.options.isolation;
  status_.demotion = demoted ? demotion->reason : "";
  pid_ = made.pid;
  cpu_seconds_ = made.cpu_seconds;
  rss_bytes_ = made.rss_bytes;
  health_ = made.health;
  previous_cpu_seconds_ = nullptr;
  previous_rss_bytes_ = nullptr;
  if (previous_.has_value()) {
    previous_cpu_seconds_ = previous_->made.cpu_seconds;
    previous_rss_bytes_ = previous_->made.rss_bytes;
  }
}

void PluginMachine::EndCurrent() {
  if (!current_.has_value()) return;
  slot_->End(current_->instance);
  if (current_->made.death && reported_generation_ != current_->generation) {
    // One that had to be killed in its message, to come to an end.
    if (const auto death = current_->made.death(); death.has_value()) {
      KeepPoison(PoisonOf(*death));
    }
  }
  {
    MutexLock lock(&mu_);
    if (cpu_seconds_) ended_cpu_seconds_ += cpu_seconds_();
    pid_ = nullptr;
    cpu_seconds_ = nullptr;
    rss_bytes_ = nullptr;
    health_ = nullptr;
  }
  current_.reset();
}

void PluginMachine::EndPrevious() {
  const bool ended = previous_.has_value();
  if (ended) slot_->End(previous_->instance);
  previous_.reset();
  probation_end_ = absl::InfiniteFuture();
  MutexLock lock(&mu_);
  if (ended) {
    if (previous_cpu_seconds_) ended_cpu_seconds_ += previous_cpu_seconds_();
    previous_cpu_seconds_ = nullptr;
    previous_rss_bytes_ = nullptr;
  }
  on_probation_ = false;
}

void PluginMachine::InstanceGone(uint64_t generation) {
  if (previous_.has_value() && previous_->generation == generation) {
    return EndPrevious();
  }
  if (!current_.has_value() || current_->generation != generation) return;
  const std::optional<InstanceDeath> death =
      current_->made.death ? current_->made.death() : std::nullopt;
  const InstanceDeath told = death.value_or(InstanceDeath{.cause = "died"});
  reported_generation_ = generation;
  const std::optional<PoisonMessage> poison = PoisonOf(told);
  // The next instance first, then the disk.
  const absl::Cleanup keep = [&] { KeepPoison(poison); };
  const absl::Time started = current_->since;
  const uint64_t queued = slot_->Stats().books.queued;
  if (!told.gave_up) {
    {
      MutexLock lock(&mu_);
      ++crashes_;
    }
    Publish(PluginCrashedEvent(status(), told, poison, queued));
  }
  if (previous_.has_value()) {
    return FallBack(absl::StrCat("rolled back: ", told.cause, " on probation"),
                    kSupervisor);
  }
  EndCurrent();
  OnCrash(told.cause, started,
          poison.has_value() ? poison->fingerprint : std::string(),
          told.gave_up);
}

// Decides what comes after a crash, or a start that came to none.
void PluginMachine::OnCrash(const std::string& cause, absl::Time started,
                            const std::string& fingerprint, bool gave_up) {
  const absl::Time now = around_.clock.Now();
  if (!fingerprint.empty() && restarts_.IsSameMessageAgain(fingerprint, now)) {
    return Quarantine(
        absl::StrCat(RestartPolicy::kSameMessage,
                     " crashes of messages with one fingerprint, ", fingerprint,
                     ", the last: ", cause,
                     "; ListPoisonMessages has the message"),
        kSupervisor);
  }
  const auto delay = restarts_.OnCrash(started, now);
  if (!delay.has_value()) {
    return Quarantine(absl::StrCat(restarts_.Crashes(now),
                                   " crashes in 10 min, the last: ", cause),
                      kSupervisor);
  }
  restart_at_ = now + *delay;
  {
    MutexLock lock(&mu_);
    status_.next_restart_time = restart_at_;
  }
  MoveTo(State::kFailed, absl::StrCat(gave_up ? "" : "crash: ", cause),
         kSupervisor);
  if (*delay == absl::ZeroDuration()) Restart();
}

void PluginMachine::Restart() {
  {
    MutexLock lock(&mu_);
    ++status_.restart_count;
    status_.next_restart_time = absl::InfinitePast();
  }
  // The same code: what lies in the folder by now is another matter.
  Load("restarted", kSupervisor, status().sha256).IgnoreError();
}

void PluginMachine::Due() {
  const absl::Time now = around_.clock.Now();
  if (restart_at_ <= now) Restart();
  if (probation_end_ <= now) EndPrevious();
}

void PluginMachine::Watch() {
  const HandlerStats stats = slot_->Stats();
  if (!current_.has_value()) return;
  if (previous_.has_value() && Processed(stats.books) - probation_from_ >=
                                   spec_.options.probation_messages) {
    EndPrevious();
  }
  if (current_->made.death && current_->made.death().has_value()) {
    // One that died idle; a worker in a call says so itself.
    return InstanceGone(current_->generation);
  }
  const bool hung = stats.busy_for > spec_.options.soft_deadline;
  if (hung && !hung_) {
    around_.write_log(
        Severity::kWarning, status().name,
        absl::StrCat("has been in one message for ",
                     absl::FormatDuration(stats.busy_for),
                     "; its soft deadline is ",
                     absl::FormatDuration(spec_.options.soft_deadline)));
    Publish(PluginHungEvent(status(), stats.busy_for));
  }
  hung_ = hung;
  TellHealth();
  if (stats.busy_for > spec_.options.hard_deadline) Hang(stats.busy_for);
}

// An event for each change that lasts until somebody looks; so a plugin that
// changes its mind all the time makes four in a second at most.
void PluginMachine::TellHealth() {
  const InstanceHealth::Report now = current_->made.health
                                         ? current_->made.health()
                                         : InstanceHealth::Report();
  if (now == told_health_) return;
  told_health_ = now;
  around_.write_log(now.degraded ? Severity::kWarning : Severity::kInfo,
                    status().name,
                    now.degraded ? absl::StrCat("degraded: ", now.text)
                                 : "not degraded any more");
  Publish(PluginHealthEvent(status(), now.degraded, now.text));
}

// Kills it, or abandons what cannot be killed.
void PluginMachine::Hang(absl::Duration busy_for) {
  if (std::exchange(killed_generation_, current_->generation) ==
      current_->generation) {
    return;
  }
  {
    MutexLock lock(&mu_);
    ++hangs_;
  }
  if (current_->made.handler->Kill("hard deadline")) return;
  const absl::Time started = current_->since;
  const InstanceDeath death = {.cause = "hard deadline",
                               .message = slot_->InFlight()};
  reported_generation_ = current_->generation;
  const std::optional<PoisonMessage> poison = PoisonOf(death);
  const absl::Cleanup keep = [&] { KeepPoison(poison); };
  Publish(
      PluginCrashedEvent(status(), death, poison, slot_->Stats().books.queued));
  if (previous_.has_value()) {
    return FallBack("rolled back: hard deadline on probation", kSupervisor);
  }
  EndCurrent();
  OnCrash(absl::StrCat("in one message for ", absl::FormatDuration(busy_for),
                       ", longer than its hard deadline; abandoned"),
          started, poison.has_value() ? poison->fingerprint : std::string());
}

// Gives the turn back to the instance that waits for the end of the probation.
void PluginMachine::FallBack(const std::string& reason,
                             const std::string& actor) {
  Running before = *std::exchange(previous_, std::nullopt);
  EndPrevious();
  if (current_.has_value() && current_->made.handler->HasCompanions()) {
    TakeTurn(*current_, HandlerSlot::kGrace).IgnoreError();
  }
  // One that hangs does not pass the turn on; it has none once it has ended.
  const bool passed = slot_->Switch(before.instance, HandlerSlot::kGrace).ok();
  EndCurrent();
  if (!passed) {
    slot_->Switch(before.instance, absl::ZeroDuration()).IgnoreError();
  }
  desired_.pinned_sha256 = before.made.sha256;
  desired_.previous_sha256.clear();
  desired_.previous_revision = 0;
  // Its code and its configuration; the slot's settings are as they are now.
  const std::string config_json = before.spec.config_json;
  const std::string module = before.spec.module;
  const std::string path = before.spec.path;
  before.spec = spec_;
  before.spec.module = module;
  before.spec.path = path;
  before.spec.config_json = config_json;
  before.spec.config_set = config_json != spec_.file_config_json;
  Adopt(std::move(before), actor);
  {
    MutexLock lock(&mu_);
    rolled_back_ = true;
    status_.previous_sha256.clear();
  }
  MoveTo(paused_ ? State::kPaused : State::kRunning, reason, actor);
  Keep();
}

uint64_t PluginMachine::Stop(absl::Duration drain) {
  restart_at_ = absl::InfiniteFuture();
  slot_->SetIntake(Intake::kNotRunning);
  EndPrevious();
  if (drain > absl::ZeroDuration() && current_.has_value()) {
    slot_->Hold(false);
    slot_->Drain(drain);
  }
  const uint64_t waiting = slot_->Discard();
  EndCurrent();
  slot_->Hold(false);
  // What an instance that hung had in hand.
  return waiting + slot_->Discard();
}

void PluginMachine::Quarantine(const std::string& reason,
                               const std::string& actor) {
  Stop(absl::ZeroDuration());
  slot_->SetIntake(Intake::kQuarantined);
  desired_.quarantine = {status().sha256, reason, actor, around_.clock.Now()};
  MoveTo(State::kQuarantined, reason, actor);
  Keep();
}

void PluginMachine::End(absl::Duration drain) {
  if (!current_.has_value()) {
    restart_at_ = absl::InfiniteFuture();
    return;
  }
  MoveTo(State::kDraining, "the host stops", "stop");
  const uint64_t discarded = Stop(std::min(spec_.options.drain_timeout, drain));
  MoveTo(State::kStopped,
         absl::StrCat("unloaded; ", discarded, " messages discarded"), "stop");
}

void PluginMachine::MoveTo(State to, const std::string& reason,
                           const std::string& actor) {
  const bool bad = to == State::kInvalid || to == State::kFailed ||
                   to == State::kQuarantined;
  const absl::Time now = around_.clock.Now();
  PluginStatus told;
  {
    MutexLock lock(&mu_);
    status_.last_transition = {status_.state, to,  reason,
                               actor,         now, status_.generation};
    status_.state = to;
    status_.update_time = now;
    if (to != State::kLoading) status_.error = bad ? reason : "";
    if (to != State::kFailed) status_.next_restart_time = absl::InfinitePast();
    told = status_;
  }
  around_.write_log(bad ? Severity::kError : Severity::kInfo, told.name,
                    absl::StrCat(PluginStateName(told.last_transition.from),
                                 " -> ", PluginStateName(to), ": ", reason));
  Publish(PluginStateEvent(told));
}

// A log that does not take it is no reason to stop.
void PluginMachine::Publish(Event event) {
  const std::string name = event.subject;
  const absl::Status published = around_.sink.Publish(std::move(event));
  if (published.ok()) return;
  around_.write_log(
      Severity::kWarning, name,
      absl::StrCat("its event was not kept: ", published.message()));
}

void PluginMachine::Keep() {
  const absl::Status kept = around_.keep(spec_.id, desired_);
  if (kept.ok()) return;
  around_.write_log(Severity::kError, absl::StrCat("plugins/", spec_.id),
                    absl::StrCat("what is desired of it will not survive a "
                                 "restart: ",
                                 kept.message()));
}

}  // namespace weir
