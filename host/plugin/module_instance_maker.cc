#include "host/plugin/module_instance_maker.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "host/control/sandbox_profile.h"
#include "host/pipeline/handler_slot.h"
#include "host/plugin/call_watch.h"
#include "host/plugin/child_handler.h"
#include "host/plugin/config_change.h"
#include "host/plugin/config_schema.h"
#include "host/plugin/crash_page.h"
#include "host/plugin/crash_report.h"
#include "host/plugin/data_dir.h"
#include "host/plugin/in_process_handler.h"
#include "host/plugin/module_check.h"
#include "host/plugin/shared_object.h"
#include "host/plugin/symbolize.h"
#include "host/plugin/trial.h"
#include "host/status/annotate.h"

namespace weir {

namespace {

// What a constructor may take. A plugin's own beginning is its create, which
// has a deadline that can be set.
constexpr absl::Duration kProbeDeadline = absl::Seconds(5);

// A child's handler, and the file that its code is mapped from.
class ChildAndFile {
 public:
  ChildAndFile(ChildHandlerOptions options,
               const ModuleInstanceMaker::Parts& parts,
               std::shared_ptr<PluginHostServices> services)
      : file_(options.module),
        handler_(std::move(options), parts.supervisor, parts.arena,
                 std::move(services), parts.types, parts.sources) {}
  ~ChildAndFile() { unlink(file_.c_str()); }

  ChildAndFile(const ChildAndFile&) = delete;
  ChildAndFile& operator=(const ChildAndFile&) = delete;

  ChildHandler& handler() { return handler_; }
  const std::string& file() const { return file_; }

 private:
  const std::string file_;
  ChildHandler handler_;
};

// The same for a trial.
class TrialAndFile {
 public:
  TrialAndFile(const ChildHandlerOptions& options,
               const ModuleInstanceMaker::Parts& parts)
      : file_(options.module),
        data_dir_(options.data_dir),
        trial_(options, parts.supervisor, parts.clock) {}
  ~TrialAndFile() {
    unlink(file_.c_str());
    std::error_code ignored;
    if (!data_dir_.empty()) std::filesystem::remove_all(data_dir_, ignored);
  }

  TrialAndFile(const TrialAndFile&) = delete;
  TrialAndFile& operator=(const TrialAndFile&) = delete;

  Trial& trial() { return trial_; }

 private:
  const std::string file_;
  const std::string data_dir_;
  Trial trial_;
};

}  // namespace

ModuleInstanceMaker::ModuleInstanceMaker(Parts parts)
    : parts_(std::move(parts)) {}

absl::StatusOr<StoredModule> ModuleInstanceMaker::Take(
    const PluginSlotSpec& spec, absl::string_view sha256) const {
  absl::StatusOr<StoredModule> module =
      sha256.empty() ? parts_.store.Add(spec.path, parts_.owners)
                     : parts_.store.Find(sha256);
  if (!module.ok()) return module;
  if (module->sha256 == spec.denied_sha256) {
    return absl::FailedPreconditionError(
        absl::StrCat(module->origin, ": file.sha256: ", module->sha256,
                     " is quarantined; put another build there, or release "
                     "the plugin"));
  }
  return module;
}

absl::StatusOr<MadeInstance> ModuleInstanceMaker::Make(
    const PluginSlotSpec& spec, uint64_t generation, absl::string_view sha256,
    std::shared_ptr<PluginHostServices> services) {
  absl::StatusOr<Taken> taken = TakeAndCheck(spec, generation, sha256);
  if (!taken.ok()) return taken.status();
  absl::StatusOr<ModuleFacts> facts = Ask(spec, *taken);
  ConfigSchema::Checked checked;
  absl::Status status = facts.status();
  if (status.ok()) {
    checked = facts->schema.Check(spec.config_json);
    if (!checked.faults.empty()) {
      status = ConfigInvalid(absl::StatusCode::kFailedPrecondition,
                             absl::StrCat("plugins/", spec.id), checked.faults);
    }
  }
  const absl::StatusOr<std::string> data_dir = DataDirOf(spec);
  status.Update(data_dir.status());
  if (!status.ok()) {
    unlink(taken->run_copy.c_str());
    return status;
  }
  PluginSlotSpec made_of = spec;
  made_of.config_json = checked.json;
  MadeInstance made;
  const PluginSlotOptions& options = spec.options;
  made.isolation = options.isolation;
  if (std::count(spec.demoted_sha256.begin(), spec.demoted_sha256.end(),
                 facts->sha256) > 0) {
    made.isolation = PluginStatus::Isolation::kChild;
  }
  if (made.isolation == PluginStatus::Isolation::kChild) {
    made = InChild(made_of, std::move(taken->run_copy), *data_dir,
                   std::move(services));
  } else {
    UseCrashStack();
    const PluginTag tag(absl::StrCat("plugins/", spec.id), facts->sha256,
                        generation);
    const InPluginCode in_constructors(tag);
    auto code = SharedObject::Open(taken->module, std::move(taken->report),
                                   taken->run_copy);
    if (!code.ok()) return code.status();
    made.why_pinned = (*code)->WhyPinned();
    const weir_plugin table = (*code)->table();
    const auto handler = std::make_shared<InProcessHandler>(
        table, *std::move(code), std::move(services), made_of.config_json,
        CallLimits{
            .create_ns = absl::ToInt64Nanoseconds(options.create_deadline),
            .ask_ns = absl::ToInt64Nanoseconds(options.create_deadline),
            .soft_ns = absl::ToInt64Nanoseconds(options.soft_deadline),
            .hard_ns = absl::ToInt64Nanoseconds(options.hard_deadline),
            .destroy_ns = absl::ToInt64Nanoseconds(HandlerSlot::kGrace)},
        *data_dir, options.max_consecutive_errors, tag);
    made.death = [handler]() -> std::optional<InstanceDeath> {
      const uint32_t errors = handler->gave_up_after();
      if (errors == 0) return std::nullopt;
      return InstanceDeath{.cause = absl::StrCat(errors, " consecutive errors"),
                           .gave_up = true};
    };
    made.health = [handler] { return handler->health(); };
    made.handler = handler;
  }
  made.sha256 = facts->sha256;
  made.version = facts->version;
  made.abi_version = facts->abi_version;
  made.config_schema = facts->config_schema;
  made.schema = facts->schema;
  made.config_json = made_of.config_json;
  return made;
}

absl::StatusOr<ModuleInstanceMaker::Taken> ModuleInstanceMaker::TakeAndCheck(
    const PluginSlotSpec& spec, uint64_t generation,
    absl::string_view sha256) const {
  absl::StatusOr<StoredModule> module = Take(spec, sha256);
  if (!module.ok()) return module.status();
  absl::StatusOr<ElfReport> report = CheckModule(*module, spec.allowed_sha256);
  if (!report.ok()) return report.status();
  if (!report->only_in_child.empty() &&
      spec.options.isolation == PluginStatus::Isolation::kInProcess) {
    return absl::InvalidArgumentError(absl::StrCat(
        module->origin, ": elf.needed: links ", report->only_in_child,
        ", which ends the process when it meets the host's own; set isolation: "
        "child, or do without it"));
  }
  absl::StatusOr<std::string> run_copy =
      parts_.store.MakeRunCopy(*module, spec.id, generation);
  if (!run_copy.ok()) return run_copy.status();
  return Taken{*std::move(module), *std::move(report), *std::move(run_copy)};
}

absl::StatusOr<ModuleFacts> ModuleInstanceMaker::Look(
    const PluginSlotSpec& spec, absl::string_view sha256) {
  // No instance has this generation, so its copy is nobody else's.
  absl::StatusOr<Taken> taken = TakeAndCheck(spec, UINT64_MAX, sha256);
  if (!taken.ok()) return taken.status();
  absl::StatusOr<ModuleFacts> facts = Ask(spec, *taken);
  unlink(taken->run_copy.c_str());
  return facts;
}

// Has a child load the module, if none did yet. One that dies of that, and is
// to run in a child anyway, is not refused for it: it may do better there, or
// fail as often as is suffered. Whatever its profile, it is fenced in: it is
// asked one question, and has a schema if it answers.
absl::StatusOr<ModuleFacts> ModuleInstanceMaker::Ask(const PluginSlotSpec& spec,
                                                     const Taken& taken) {
  const std::string& sha256 = taken.module.sha256;
  const bool in_child =
      spec.options.isolation == PluginStatus::Isolation::kChild;
  std::optional<ModuleProbe> known;
  {
    MutexLock lock(&mu_);
    const auto found = probed_.find(sha256);
    if (found != probed_.end()) known = found->second;
    if (in_child && unanswering_.count(sha256) > 0) known = ModuleProbe();
  }
  if (!known.has_value()) {
    absl::StatusOr<ModuleProbe> probe = ProbeModule(
        parts_.runner, taken.run_copy,
        in_child ? std::min(kProbeDeadline, spec.options.create_deadline)
                 : kProbeDeadline,
        /*fenced=*/in_child);
    const bool schema_fault =
        absl::StartsWith(probe.status().message(), "config.schema: ");
    if (!probe.ok() && (!in_child || schema_fault)) {
      return Annotate(probe.status(), taken.module.origin);
    }
    known = probe.ok() ? *probe : ModuleProbe();
    MutexLock lock(&mu_);
    if (probe.ok()) {
      probed_[sha256] = *known;
    } else if (absl::IsInvalidArgument(probe.status())) {
      unanswering_.insert(sha256);
    }
  }
  auto schema = ConfigSchema::Parse(known->config_schema);
  if (!schema.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(
        taken.module.origin, ": config.schema: ", schema.status().message()));
  }
  return ModuleFacts{.sha256 = sha256,
                     .version = taken.report.note.version,
                     .abi_version = taken.report.note.abi_major,
                     .config_schema = known->config_schema,
                     .schema = *std::move(schema)};
}

absl::StatusOr<std::string> ModuleInstanceMaker::DataDirOf(
    const PluginSlotSpec& spec) const {
  if (parts_.state_dir.empty() ||
      spec.options.sandbox == SandboxProfile::kStrict) {
    return std::string();
  }
  return MakeDataDir(parts_.state_dir, spec.id);
}

ChildHandlerOptions ModuleInstanceMaker::ChildOptions(
    const PluginSlotSpec& spec, std::string run_copy,
    std::string data_dir) const {
  const PluginSlotOptions& options = spec.options;
  return {.runner = parts_.runner,
          .module = std::move(run_copy),
          .name = spec.id,
          .config_json = spec.config_json,
          .memory_limit_bytes = options.memory_limit_bytes,
          .sandbox = options.sandbox,
          .data_dir = std::move(data_dir),
          .max_consecutive_errors = options.max_consecutive_errors,
          .emit_ring_events = options.emit_ring_events,
          .emit_limit_per_second = options.emit_limit_per_second,
          .create_deadline = options.create_deadline,
          .soft_deadline = options.soft_deadline,
          .hard_deadline = options.hard_deadline};
}

absl::StatusOr<std::shared_ptr<Trial>> ModuleInstanceMaker::MakeTrial(
    const PluginSlotSpec& spec, absl::string_view sha256) {
  absl::StatusOr<StoredModule> module = Take(spec, sha256);
  if (!module.ok()) return module.status();
  const absl::StatusOr<ElfReport> report =
      CheckModule(*module, spec.allowed_sha256);
  if (!report.ok()) return report.status();
  // No generation of the slot: its copies are none of ours.
  absl::StatusOr<std::string> run_copy = parts_.store.MakeRunCopy(
      *module, absl::StrCat(spec.id, ".trial"), ++last_trial_);
  if (!run_copy.ok()) return run_copy.status();
  const absl::StatusOr<ModuleFacts> facts =
      Ask(spec, Taken{*module, *report, *run_copy});
  PluginSlotSpec tried = spec;
  absl::Status status = facts.status();
  if (status.ok()) {
    const ConfigSchema::Checked checked = facts->schema.Check(spec.config_json);
    tried.config_json = checked.json;
    if (!checked.faults.empty()) {
      status = ConfigInvalid(absl::StatusCode::kFailedPrecondition,
                             absl::StrCat("plugins/", spec.id), checked.faults);
    }
  }
  if (!status.ok()) {
    unlink(run_copy->c_str());
    return status;
  }
  // Neither the files nor the peers of the one that runs.
  std::string data_dir;
  if (spec.options.sandbox != SandboxProfile::kStrict) {
    data_dir = absl::StrCat(*run_copy, ".data");
    if (mkdir(data_dir.c_str(), 0700) != 0 && errno != EEXIST) {
      unlink(run_copy->c_str());
      return absl::ErrnoToStatus(errno, data_dir);
    }
  }
  ChildHandlerOptions options =
      ChildOptions(tried, *std::move(run_copy), std::move(data_dir));
  if (options.sandbox != SandboxProfile::kStrict) {
    options.sandbox = SandboxProfile::kFiles;
  }
  auto trial = std::make_shared<TrialAndFile>(std::move(options), parts_);
  return std::shared_ptr<Trial>(trial, &trial->trial());
}

MadeInstance ModuleInstanceMaker::InChild(
    const PluginSlotSpec& spec, std::string run_copy, std::string data_dir,
    std::shared_ptr<PluginHostServices> services) const {
  auto child = std::make_shared<ChildAndFile>(
      ChildOptions(spec, std::move(run_copy), std::move(data_dir)), parts_,
      std::move(services));
  MadeInstance made;
  made.isolation = PluginStatus::Isolation::kChild;
  made.pid = [child] { return child->handler().pid(); };
  made.death = [child]() -> std::optional<InstanceDeath> {
    std::optional<ChildDeath> death = child->handler().death();
    if (!death.has_value()) return std::nullopt;
    SymbolizedStack stack = Symbolize(child->file(), std::move(death->frames));
    return InstanceDeath{std::move(death->cause), std::move(death->message),
                         std::move(stack.frames), std::move(stack.own_frame),
                         death->gave_up};
  };
  made.cpu_seconds = [child] { return child->handler().usage().cpu_seconds; };
  made.rss_bytes = [child] { return child->handler().usage().rss_bytes; };
  made.health = [child] { return child->handler().health(); };
  made.handler = {child, &child->handler()};
  return made;
}

}  // namespace weir
