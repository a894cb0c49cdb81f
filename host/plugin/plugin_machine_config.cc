// How a PluginMachine comes to another configuration, or other settings.

#include <atomic>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "host/plugin/config_change.h"
#include "host/plugin/plugin_events.h"
#include "host/plugin/plugin_machine.h"
#include "host/plugin/plugin_options_status.h"
#include "host/plugin/sha256.h"
#include "host/status/error_info.h"

namespace weir {

using State = PluginStatus::State;
using Kind = PluginOperation::Kind;

namespace {

// Revisions that are kept beside the one that a rollback goes back to.
constexpr size_t kMaxRevisions = 10;

// What `reconfigure` may take, and what the end of one takes that was killed
// for it.
constexpr absl::Duration kReconfigureLimit = absl::Seconds(6);

std::string Sha256Of(absl::string_view text) {
  Sha256 digest;
  digest.Add(text);
  return digest.Hex();
}

// Whether an instance that was made with `a` can not be given `b`.
bool NeedsNewInstance(const PluginSlotOptions& a, const PluginSlotOptions& b) {
  if (a.isolation != b.isolation) return true;
  if (b.isolation != PluginStatus::Isolation::kChild) return false;
  // What its child was told when it started.
  return a.sandbox != b.sandbox ||
         a.memory_limit_bytes != b.memory_limit_bytes ||
         a.emit_ring_events != b.emit_ring_events ||
         a.emit_limit_per_second != b.emit_limit_per_second;
}

absl::Status DrainTimeout(const PluginStatus& status, uint64_t queued) {
  return MakeError(
      absl::StatusCode::kDeadlineExceeded,
      absl::StrCat(status.name, ": the message in work took too long; its ",
                   "configuration is as it was"),
      {.reason = "DRAIN_TIMEOUT",
       .metadata = {{"queued_messages", absl::StrCat(queued)}},
       .retry_delay = absl::Seconds(1)});
}

// The plugin's own refusal.
absl::Status NotTaken(const std::string& name, absl::string_view why) {
  return MakeError(
      absl::StatusCode::kFailedPrecondition,
      absl::StrCat(name, ": ", why, "; its configuration is as it was"),
      {.reason = "PLUGIN_CONFIG_INVALID",
       .metadata = {{"name", name}, {"detail", std::string(why)}}});
}

}  // namespace

// What the files say of the slot now, with what an operator set over what they
// said then.
PluginSlotSpec PluginMachine::Overruled(PluginSlotSpec spec) const {
  spec.file_config_json = spec.config_json;
  if (desired_.revisions.empty()) return spec;
  const ConfigRevision& last = desired_.revisions.back();
  const auto tell = [this, &spec](absl::string_view what) {
    around_.write_log(Severity::kNotice, absl::StrCat("plugins/", spec.id),
                      what);
  };
  if (last.config_set) {
    if (last.file_config_sha256 == Sha256Of(spec.file_config_json)) {
      spec.config_json = last.config_json;
      spec.config_set = true;
    } else {
      tell(
          "the files have another configuration than when an operator set "
          "one; theirs holds now");
    }
  }
  if (last.settings_set.empty() || around_.settings == nullptr) return spec;
  if (last.file_settings_sha256 != spec.file_settings_sha256) {
    tell(
        "the files have other settings than when an operator set some; "
        "theirs hold now");
    return spec;
  }
  auto options = around_.settings->Apply(spec, last.settings_set);
  if (options.ok()) {
    spec.options = *std::move(options);
    spec.settings_set = last.settings_set;
  } else {
    tell(
        absl::StrCat("what an operator set of its settings does not hold any "
                     "more: ",
                     options.status().message()));
  }
  return spec;
}

// `spec` with what `operation` has of configuration and settings.
absl::StatusOr<PluginSlotSpec> PluginMachine::Changed(
    PluginSlotSpec spec, const PluginOperation& operation) const {
  if (operation.config_reset) {
    spec.config_json = spec.file_config_json;
    spec.config_set = false;
  }
  if (operation.config_json.has_value()) {
    spec.config_json =
        operation.config_keys.empty()
            ? *operation.config_json
            : ReplaceConfigKeys(spec.config_json, *operation.config_json,
                                operation.config_keys);
    spec.config_set = true;
  }
  if (!operation.settings.has_value() && !operation.settings_reset) return spec;
  if (around_.settings == nullptr) {
    return absl::UnimplementedError("settings cannot be set here");
  }
  if (operation.settings_reset) spec.settings_set.clear();
  if (operation.settings.has_value()) {
    auto merged = around_.settings->Merge(
        spec.settings_set, *operation.settings, operation.settings_fields);
    if (!merged.ok()) return merged.status();
    spec.settings_set = *std::move(merged);
  }
  auto options = around_.settings->Apply(spec, spec.settings_set);
  if (!options.ok()) return options.status();
  spec.options = *std::move(options);
  return spec;
}

// Whether the code takes the configuration of `spec`, before anything is
// changed. What is wrong is the request's fault if that has one. Writes to
// `would_be` what the plugin's status would be.
absl::Status PluginMachine::CheckFirst(const PluginOperation& operation,
                                       const PluginSlotSpec& spec,
                                       absl::string_view sha256,
                                       PluginStatus* would_be) const {
  ModuleFacts facts;
  if (current_.has_value() && sha256 == current_->made.sha256) {
    facts.sha256 = current_->made.sha256;
    facts.version = current_->made.version;
    facts.config_schema = current_->made.config_schema;
    facts.schema = current_->made.schema;
  } else {
    auto looked = around_.maker.Look(spec, sha256);
    if (!looked.ok()) return looked.status();
    facts = *std::move(looked);
  }
  const ConfigSchema::Checked checked = facts.schema.Check(spec.config_json);
  if (!checked.faults.empty()) {
    const bool asked =
        operation.config_json.has_value() || operation.config_reset;
    return ConfigInvalid(asked ? absl::StatusCode::kInvalidArgument
                               : absl::StatusCode::kFailedPrecondition,
                         status().name, checked.faults);
  }
  would_be->sha256 = facts.sha256;
  would_be->version = facts.version;
  would_be->module = spec.module;
  would_be->config_schema = facts.config_schema;
  would_be->config_json = facts.schema.Mask(checked.json);
  would_be->isolation = spec.options.isolation;
  if (spec.options.capacity > 0) {
    would_be->effective_capacity =
        std::min(spec.options.capacity, spec.options.max_capacity);
  }
  FillOptions(spec.options, would_be);
  if (spec.config_json != spec_.config_json || spec.options != spec_.options) {
    ++would_be->config_revision;
  }
  return absl::OkStatus();
}

absl::StatusOr<PluginOutcome> PluginMachine::Configure(
    const PluginOperation& operation) {
  if (!spec_.status.ok() && !current_.has_value()) {
    return MakeError(
        absl::StatusCode::kFailedPrecondition,
        absl::StrCat(status().name,
                     ": put right first what its files are "
                     "refused for: ",
                     spec_.status.message()),
        {.reason = "PLUGIN_STATE",
         .metadata = {{"name", status().name}, {"state", "INVALID"}}});
  }
  absl::StatusOr<PluginSlotSpec> next = Changed(spec_, operation);
  if (!next.ok()) return next.status();
  PluginOutcome outcome;
  outcome.status = status();
  const std::string sha256 =
      current_.has_value() ? current_->made.sha256 : desired_.pinned_sha256;
  absl::Status checked = CheckFirst(operation, *next, sha256, &outcome.status);
  // What is wrong with a file that is not loaded is told when it is.
  const bool config_fault = GetErrorInfo(checked).has_value();
  if (!checked.ok() && (current_.has_value() || config_fault)) return checked;
  if (operation.validate_only) return outcome;
  return ChangeTo(operation, *std::move(next));
}

// Has `spec`, which is of the same file, hold: at once if that can be, else by
// a new instance. Nothing has changed unless it is OK.
absl::StatusOr<PluginOutcome> PluginMachine::ChangeTo(
    const PluginOperation& operation, PluginSlotSpec spec) {
  const auto now = [this] { return PluginOutcome{.status = status()}; };
  if (!current_.has_value()) {
    spec_ = std::move(spec);
    ApplyOptions();
    Record(operation.actor);
    return now();
  }
  const ConfigSchema::Checked checked =
      current_->made.schema.Check(spec.config_json);
  if (!checked.faults.empty()) {
    return ConfigInvalid(absl::StatusCode::kFailedPrecondition, status().name,
                         checked.faults);
  }
  const bool another = checked.json != current_->made.config_json;
  bool live = !NeedsNewInstance(current_->spec.options, spec.options);
  if (another && live) {
    const absl::Status taken = Reconfigure(
        checked.json,
        operation.drain_timeout.value_or(spec_.options.drain_timeout));
    live = !absl::IsUnimplemented(taken);
    if (live && !taken.ok()) return taken;
  }
  if (!live) {
    return Exchange(operation, std::move(spec), current_->made.sha256);
  }
  const bool changed = another || spec.options != spec_.options;
  if (another) KeepAsPrevious(current_->made.sha256);
  current_->spec = spec;
  current_->made.config_json = checked.json;
  spec_ = std::move(spec);
  ApplyOptions();
  {
    MutexLock lock(&mu_);
    status_.config_json = current_->made.schema.Mask(checked.json);
  }
  Record(operation.actor);
  if (!changed) return now();
  MoveTo(status().state,
         operation.reason.empty() ? "reconfigured" : operation.reason,
         operation.actor);
  return now();
}

// Gives the live instance its configuration. Returns Unimplemented if it does
// not take that, and else why it has the one of before.
absl::Status PluginMachine::Reconfigure(const std::string& config_json,
                                        absl::Duration patience) {
  // Owned by the call, which may go on when nobody waits any more. Whoever is
  // first, the call that begins or we who give it up, says what becomes of it.
  struct Said {
    std::atomic<bool> taken{false};
    std::optional<absl::Status> status;
  };
  const auto said = std::make_shared<Said>();
  const absl::Status called = slot_->Call(
      current_->instance,
      [said, config_json](Handler& handler) {
        if (said->taken.exchange(true)) return;
        said->status = handler.Reconfigure(config_json);
      },
      patience + kReconfigureLimit);
  const std::string name = status().name;
  if (absl::IsDeadlineExceeded(called)) {
    if (said->taken.exchange(true)) return HangsOverConfig();
    return DrainTimeout(status(), slot_->Stats().books.queued);
  }
  if (!called.ok()) return NotTaken(name, "the instance died meanwhile");
  const absl::Status status =
      said->status.value_or(absl::InternalError("reconfigure: it threw"));
  if (status.ok() || absl::IsUnimplemented(status)) return status;
  // Its thread says so, too, at its next message; whoever comes first.
  if (absl::IsAborted(status)) InstanceGone(current_->generation);
  return NotTaken(name, status.message());
}

// It can only be abandoned; a child would have been killed.
absl::Status PluginMachine::HangsOverConfig() {
  {
    MutexLock lock(&mu_);
    ++hangs_;
  }
  const std::string name = status().name;
  const absl::Time started = current_->since;
  constexpr char kCause[] = "does not come back from reconfigure";
  Publish(PluginCrashedEvent(status(), InstanceDeath{.cause = kCause},
                             std::nullopt, slot_->Stats().books.queued));
  if (previous_.has_value()) {
    FallBack(absl::StrCat("rolled back: ", kCause), "supervisor");
  } else {
    EndCurrent();
    OnCrash(absl::StrCat(kCause, "; abandoned"), started);
  }
  return NotTaken(name, kCause);
}

// Has the settings of spec_ hold that need no instance.
void PluginMachine::ApplyOptions() {
  const PluginSlotOptions& options = spec_.options;
  slot_->Configure(ToHandlerOptions(spec_));
  services_->SetLimits(options.emit_limit_per_second,
                       options.log_limit_per_second);
  services_->SetSources(options.sources);
  restarts_.set_max_crashes(options.max_crashes);
  const uint32_t capacity = slot_->Stats().capacity;
  MutexLock lock(&mu_);
  FillOptions(options, &status_);
  if (current_.has_value()) status_.effective_capacity = capacity;
}

// Gives what spec_ says a number, if that is something new, and keeps it.
void PluginMachine::Record(const std::string& actor) {
  ConfigRevision next;
  next.config_json = spec_.config_json;
  next.config_set = spec_.config_set;
  next.settings_set = spec_.settings_set;
  next.file_config_sha256 = Sha256Of(spec_.file_config_json);
  next.file_settings_sha256 = spec_.file_settings_sha256;
  std::vector<ConfigRevision>& revisions = desired_.revisions;
  if (!revisions.empty()) {
    const ConfigRevision& last = revisions.back();
    next.number = last.number;
    next.actor = last.actor;
    next.time = last.time;
    if (next == last) return;
  }
  ++next.number;
  next.actor = actor;
  next.time = around_.clock.Now();
  revisions.push_back(next);
  while (revisions.size() > kMaxRevisions) {
    const bool needed = revisions.front().number == desired_.previous_revision;
    if (needed && revisions.size() == kMaxRevisions + 1) break;
    revisions.erase(revisions.begin() + (needed ? 1 : 0));
  }
  {
    MutexLock lock(&mu_);
    status_.config_revision = next.number;
  }
  Keep();
}

// Has a rollback go back to what holds now. Before the next Record.
void PluginMachine::KeepAsPrevious(const std::string& sha256) {
  desired_.previous_sha256 = sha256;
  desired_.previous_revision =
      desired_.revisions.empty() ? 0 : desired_.revisions.back().number;
  MutexLock lock(&mu_);
  status_.previous_sha256 = sha256;
}

const ConfigRevision* PluginMachine::FindRevision(uint64_t number) const {
  for (const ConfigRevision& revision : desired_.revisions) {
    if (revision.number == number) return &revision;
  }
  return nullptr;
}

}  // namespace weir
