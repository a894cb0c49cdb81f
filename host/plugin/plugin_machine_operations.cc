// What an operator can have a PluginMachine do.

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "host/control/abi_fault.h"
#include "host/plugin/plugin_events.h"
#include "host/plugin/plugin_machine.h"
#include "host/status/error_info.h"

namespace weir {

using State = PluginStatus::State;
using Intake = HandlerSlot::Intake;
using Kind = PluginOperation::Kind;

namespace {

absl::string_view KindName(Kind kind) {
  switch (kind) {
    case Kind::kLoad:
      return "load";
    case Kind::kUnload:
      return "unload";
    case Kind::kReload:
      return "reload";
    case Kind::kUpgrade:
      return "upgrade";
    case Kind::kRollback:
      return "rollback";
    case Kind::kConfigure:
      return "change of configuration";
    case Kind::kPause:
      return "pause";
    case Kind::kResume:
      return "resume";
    case Kind::kQuarantine:
      return "quarantine";
    case Kind::kRelease:
      return "release";
    case Kind::kResetStats:
      return "reset statistics";
  }
  return "?";
}

bool Runs(State state) {
  return state == State::kRunning || state == State::kPaused;
}

// Whether the state table has a way for `kind` from `state`. What changes
// nothing is allowed.
bool HasWay(Kind kind, State state) {
  switch (kind) {
    case Kind::kLoad:
      return state == State::kDiscovered || state == State::kInvalid ||
             state == State::kStopped || state == State::kFailed;
    case Kind::kReload:
      return Runs(state) || state == State::kFailed;
    case Kind::kUpgrade:
      return state != State::kLoading && state != State::kDraining;
    case Kind::kRollback:
      return Runs(state) || state == State::kFailed || state == State::kStopped;
    case Kind::kPause:
    case Kind::kResume:
      return Runs(state);
    case Kind::kConfigure:
      return state != State::kLoading && state != State::kDraining;
    case Kind::kUnload:
    case Kind::kQuarantine:
    case Kind::kResetStats:
      return true;
    case Kind::kRelease:
      return state == State::kQuarantined;
  }
  return false;
}

// "x.so: file.sha256: ..." and the like, with the reason that clients look for.
// One that has a reason keeps it.
absl::Status FileFault(const PluginStatus& status, const absl::Status& fault) {
  if (GetErrorInfo(fault).has_value()) return fault;
  const absl::string_view message = fault.message();
  const char* reason = "PLUGIN_INIT_FAILED";
  if (absl::StrContains(message, "file.sha256: ")) {
    reason = "PLUGIN_DIGEST_MISMATCH";
  } else if (IsAbiFault(message)) {
    reason = "PLUGIN_ABI_MISMATCH";
  } else if (absl::IsNotFound(fault)) {
    reason = "PLUGIN_MODULE_NOT_FOUND";
  }
  return MakeError(
      absl::IsNotFound(fault) ? absl::StatusCode::kNotFound
                              : absl::StatusCode::kFailedPrecondition,
      message,
      {.reason = reason,
       .metadata = {{"name", status.name}, {"detail", std::string(message)}}});
}

PluginOutcome Now(const PluginMachine& machine) {
  return {.status = machine.status()};
}

}  // namespace

absl::Status PluginMachine::CheckAllowed(
    const PluginOperation& operation) const {
  const PluginStatus now = status();
  if (around_.clock.Now() > operation.deadline) {
    return MakeError(
        absl::StatusCode::kAborted,
        absl::StrCat(now.name, ": another operation took until the deadline"),
        {.reason = "PLUGIN_BUSY",
         .metadata = {{"name", now.name},
                      {"operation", std::string(KindName(operation.kind))}},
         .retry_delay = absl::Seconds(1)});
  }
  if (!operation.etag.empty() && operation.etag != now.etag) {
    return MakeError(
        absl::StatusCode::kAborted,
        absl::StrCat(now.name, ": its etag is ", now.etag, ", not ",
                     operation.etag, "; read it again and decide anew"),
        {.reason = "ETAG_MISMATCH",
         .metadata = {{"name", now.name}, {"etag", now.etag}}});
  }
  if (operation.kind == Kind::kLoad && Runs(now.state)) {
    return MakeError(
        absl::StatusCode::kAlreadyExists,
        absl::StrCat(now.name, " runs already; use ReloadPlugin"),
        {.reason = "PLUGIN_EXISTS", .metadata = {{"name", now.name}}});
  }
  if (HasWay(operation.kind, now.state)) return absl::OkStatus();
  if (operation.kind == Kind::kRelease && !desired_.demotions.empty()) {
    return absl::OkStatus();
  }
  const std::string state(PluginStateName(now.state));
  const bool quarantined = now.state == State::kQuarantined;
  return MakeError(
      absl::StatusCode::kFailedPrecondition,
      absl::StrCat(now.name, ": ", KindName(operation.kind),
                   " is not possible in ", state,
                   quarantined ? "; ReleasePlugin ends that" : ""),
      {.reason = quarantined ? "PLUGIN_QUARANTINED" : "PLUGIN_STATE",
       .metadata = {{"name", now.name}, {"state", state}}});
}

absl::StatusOr<PluginOutcome> PluginMachine::Do(
    const PluginOperation& operation, const PluginSlotSpec* fresh) {
  if (absl::Status allowed = CheckAllowed(operation); !allowed.ok()) {
    return allowed;
  }
  const State state = status().state;
  switch (operation.kind) {
    case Kind::kLoad: {
      absl::StatusOr<PluginSlotSpec> spec =
          Wanted(operation, fresh, desired_.pinned_sha256);
      if (!spec.ok()) return spec.status();
      if (operation.validate_only) return WouldBe(operation, *spec);
      spec_ = *std::move(spec);
      restarts_.Reset();
      desired_.desired = DesiredState::Desired::kLoaded;
      desired_.paused = paused_ = operation.start_paused;
      Keep();
      const absl::Status loaded =
          Load(operation.reason.empty() ? "loaded" : operation.reason,
               operation.actor, desired_.pinned_sha256);
      if (!loaded.ok()) return FileFault(status(), loaded);
      return Now(*this);
    }
    case Kind::kUnload:
      return Unload(operation);
    case Kind::kReload:
      if (state == State::kFailed) {
        if (operation.validate_only) return Now(*this);
        restarts_.Reset();
        const absl::Status loaded =
            Load(operation.reason, operation.actor, status().sha256);
        if (!loaded.ok()) return FileFault(status(), loaded);
        return Now(*this);
      }
      return Exchange(operation, spec_, current_->made.sha256);
    case Kind::kUpgrade: {
      absl::StatusOr<PluginSlotSpec> spec = Wanted(operation, fresh, "");
      if (!spec.ok()) return spec.status();
      if (operation.validate_only) return WouldBe(operation, *spec);
      return Exchange(operation, *std::move(spec), "");
    }
    case Kind::kConfigure:
      return Configure(operation);
    case Kind::kRollback:
      return Rollback(operation);
    case Kind::kPause:
    case Kind::kResume: {
      const bool pause = operation.kind == Kind::kPause;
      if (pause == paused_ || operation.validate_only) return Now(*this);
      desired_.paused = paused_ = pause;
      Keep();
      slot_->Hold(pause);
      MoveTo(pause ? State::kPaused : State::kRunning, operation.reason,
             operation.actor);
      return Now(*this);
    }
    case Kind::kQuarantine: {
      if (state == State::kQuarantined || operation.validate_only) {
        return Now(*this);
      }
      const absl::Duration drain =
          operation.drain_timeout.value_or(absl::ZeroDuration());
      PluginOutcome outcome;
      if (drain > absl::ZeroDuration()) {
        outcome.discarded_messages = Stop(drain);
      }
      Quarantine(operation.reason, operation.actor);
      outcome.status = status();
      return outcome;
    }
    case Kind::kRelease:
      if (operation.validate_only) return Now(*this);
      if (state != State::kQuarantined) {
        EndDemotion(operation);
        return Now(*this);
      }
      desired_.quarantine.reset();
      desired_.desired = DesiredState::Desired::kStopped;
      Keep();
      restarts_.Reset();
      slot_->SetIntake(Intake::kNotRunning);
      MoveTo(State::kStopped, operation.reason, operation.actor);
      return Now(*this);
    case Kind::kResetStats:
      if (!operation.validate_only) {
        slot_->ResetStats();
        MutexLock lock(&mu_);
        reset_time_ = around_.clock.Now();
      }
      return Now(*this);
  }
  return absl::InternalError("no such operation");
}

// What runs goes on; the next instance runs where the settings say.
void PluginMachine::EndDemotion(const PluginOperation& operation) {
  desired_.demotions.clear();
  Keep();
  around_.write_log(
      Severity::kInfo, status().name,
      absl::StrCat("its demotion is ended by ", operation.actor,
                   operation.reason.empty() ? "" : ": ", operation.reason,
                   "; from its next load or reload on it runs where its "
                   "settings say"));
}

// The spec of what `operation` loads: what the files say now, or `spec_`, with
// what operators set, this one last. Nothing was changed yet.
absl::StatusOr<PluginSlotSpec> PluginMachine::Wanted(
    const PluginOperation& operation, const PluginSlotSpec* fresh,
    absl::string_view sha256) const {
  PluginSlotSpec files = fresh != nullptr ? *fresh : spec_;
  if (!files.status.ok()) return FileFault(status(), files.status);
  absl::StatusOr<PluginSlotSpec> spec = Changed(
      fresh != nullptr ? Overruled(std::move(files)) : files, operation);
  if (!spec.ok()) return spec;
  if (!operation.sha256.empty()) spec->allowed_sha256 = {operation.sha256};
  if (operation.config_json.has_value() && !operation.validate_only) {
    PluginStatus ignored;
    const absl::Status checked = CheckFirst(operation, *spec, sha256, &ignored);
    if (!checked.ok()) return FileFault(status(), checked);
  }
  return spec;
}

// What the plugin would be, if `operation` loaded `spec`.
absl::StatusOr<PluginOutcome> PluginMachine::WouldBe(
    const PluginOperation& operation, const PluginSlotSpec& spec) const {
  PluginOutcome outcome;
  outcome.status = status();
  const absl::Status checked =
      CheckFirst(operation, spec,
                 operation.kind == Kind::kLoad ? desired_.pinned_sha256 : "",
                 &outcome.status);
  if (!checked.ok()) return FileFault(status(), checked);
  return outcome;
}

absl::StatusOr<PluginOutcome> PluginMachine::Unload(
    const PluginOperation& operation) {
  PluginOutcome outcome;
  const State state = status().state;
  if (!operation.validate_only && state != State::kStopped) {
    const absl::Duration drain =
        operation.force
            ? absl::ZeroDuration()
            : operation.drain_timeout.value_or(spec_.options.drain_timeout);
    if (Runs(state)) {
      MoveTo(State::kDraining, operation.reason, operation.actor);
    }
    outcome.discarded_messages = Stop(drain);
    desired_.desired = DesiredState::Desired::kStopped;
    desired_.paused = paused_ = false;
    Keep();
    if (state == State::kQuarantined) {
      slot_->SetIntake(Intake::kQuarantined);
    } else {
      MoveTo(State::kStopped,
             absl::StrCat(operation.reason,
                          operation.reason.empty() ? "" : "; ", "unloaded; ",
                          outcome.discarded_messages, " messages discarded"),
             operation.actor);
    }
  }
  outcome.removed = operation.remove && !operation.validate_only;
  outcome.status = status();
  return outcome;
}

// Puts new code, or a fresh instance of the same, in the place of what runs.
// Nothing has changed unless it is OK.
absl::StatusOr<PluginOutcome> PluginMachine::Exchange(
    const PluginOperation& operation, PluginSlotSpec spec,
    absl::string_view sha256) {
  if (operation.validate_only) return Now(*this);
  const bool upgrade = operation.kind == Kind::kUpgrade;
  if (upgrade) desired_.pinned_sha256.clear();
  if (!current_.has_value()) {
    if (!spec.status.ok()) return FileFault(status(), spec.status);
    spec_ = std::move(spec);
    restarts_.Reset();
    desired_.desired = DesiredState::Desired::kLoaded;
    // Another digest ends a quarantine; the same one does not.
    const auto quarantine = std::exchange(desired_.quarantine, std::nullopt);
    spec_.denied_sha256 = quarantine.has_value() ? quarantine->sha256 : "";
    const absl::Status loaded = Load(operation.reason, operation.actor, "");
    if (!loaded.ok()) {
      if (quarantine.has_value()) {
        desired_.quarantine = quarantine;
        slot_->SetIntake(Intake::kQuarantined);
        MoveTo(State::kQuarantined, quarantine->reason, quarantine->actor);
      }
      return FileFault(status(), loaded);
    }
    Keep();
    return Now(*this);
  }
  absl::StatusOr<Running> next = Prepare(spec, sha256);
  if (!next.ok()) return FileFault(status(), next.status());
  const absl::Duration patience =
      operation.drain_timeout.value_or(spec_.options.drain_timeout);
  const absl::Status switched =
      HandOver(*current_, *next, patience, /*with_state=*/!operation.cold);
  if (!switched.ok()) {
    slot_->End(next->instance);
    if (!absl::IsDeadlineExceeded(switched)) {
      return FileFault(status(), switched);
    }
    return MakeError(
        absl::StatusCode::kDeadlineExceeded,
        absl::StrCat(status().name, ": ", switched.message(), "; it goes on"),
        {.reason = "DRAIN_TIMEOUT",
         .metadata = {{"queued_messages",
                       absl::StrCat(slot_->Stats().books.queued)}},
         .retry_delay = absl::Seconds(1)});
  }
  const absl::Duration probation =
      operation.probation_time.value_or(spec_.options.probation_time);
  EndPrevious();
  if (upgrade || spec.config_json != current_->spec.config_json) {
    KeepAsPrevious(current_->made.sha256);
  }
  if (upgrade && probation > absl::ZeroDuration()) {
    previous_ = std::move(current_);
    probation_end_ = around_.clock.Now() + probation;
    const Books books = slot_->Stats().books;
    probation_from_ = books.processed_ok + books.processed_error;
  } else {
    EndCurrent();
  }
  Adopt(*std::move(next), operation.actor);
  {
    MutexLock lock(&mu_);
    on_probation_ = previous_.has_value();
    rolled_back_ = false;
  }
  Keep();
  MoveTo(paused_ ? State::kPaused : State::kRunning,
         !operation.reason.empty()            ? operation.reason
         : upgrade                            ? "upgraded"
         : operation.kind == Kind::kConfigure ? "reconfigured by a new instance"
                                              : "reloaded",
         operation.actor);
  return Now(*this);
}

absl::StatusOr<PluginOutcome> PluginMachine::Rollback(
    const PluginOperation& operation) {
  if (!previous_.has_value() && desired_.previous_sha256.empty()) {
    return MakeError(
        absl::StatusCode::kFailedPrecondition,
        absl::StrCat(status().name, ": there is no code before this one"),
        {.reason = "PLUGIN_NO_PREVIOUS",
         .metadata = {{"name", status().name}}});
  }
  if (operation.validate_only) return Now(*this);
  if (previous_.has_value()) {
    const absl::Status handed =
        current_.has_value()
            ? HandOver(*current_, *previous_, HandlerSlot::kGrace,
                       /*with_state=*/true)
            : absl::OkStatus();
    if (!previous_.has_value()) return Now(*this);  // It hung, and fell back.
    if (!handed.ok()) {
      around_.write_log(
          Severity::kWarning, status().name,
          absl::StrCat(handed.message(),
                       "; the code before goes on with what it knew"));
    }
    FallBack(operation.reason.empty() ? "rolled back" : operation.reason,
             operation.actor);
    return Now(*this);
  }
  const std::string before = desired_.previous_sha256;
  const uint64_t revision = desired_.previous_revision;
  const std::string kept_pin = std::exchange(desired_.pinned_sha256, before);
  PluginSlotSpec spec = spec_;
  if (const ConfigRevision* config = FindRevision(revision)) {
    spec.config_json = config->config_json;
    spec.config_set = spec.config_json != spec.file_config_json;
  }
  const auto rolled = [&]() -> absl::StatusOr<PluginOutcome> {
    if (current_.has_value()) return Exchange(operation, spec, before);
    restarts_.Reset();
    spec_ = spec;
    const absl::Status loaded = Load(operation.reason, operation.actor, before);
    if (!loaded.ok()) return FileFault(status(), loaded);
    return Now(*this);
  }();
  if (!rolled.ok()) {
    desired_.pinned_sha256 = kept_pin;
    return rolled;
  }
  desired_.previous_sha256.clear();
  desired_.previous_revision = 0;
  {
    MutexLock lock(&mu_);
    rolled_back_ = true;
    status_.previous_sha256.clear();
  }
  Keep();
  return Now(*this);
}

}  // namespace weir
