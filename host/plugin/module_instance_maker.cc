#include "host/plugin/module_instance_maker.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "host/control/sandbox_profile.h"
#include "host/pipeline/handler_slot.h"
#include "host/plugin/call_watch.h"
#include "host/plugin/child_handler.h"
#include "host/plugin/data_dir.h"
#include "host/plugin/in_process_handler.h"
#include "host/plugin/module_check.h"
#include "host/plugin/probe_module.h"
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
  TrialAndFile(ChildHandlerOptions options,
               const ModuleInstanceMaker::Parts& parts)
      : file_(options.module),
        data_dir_(options.data_dir),
        trial_(std::move(options), parts.supervisor, parts.clock) {}
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
  absl::StatusOr<std::string> data_dir = DataDirOf(spec);
  if (!data_dir.ok()) return data_dir.status();
  absl::StatusOr<std::string> run_copy =
      parts_.store.MakeRunCopy(*module, spec.id, generation);
  if (!run_copy.ok()) return run_copy.status();

  MadeInstance made;
  const PluginSlotOptions& options = spec.options;
  const std::string version(report->note.version);
  const uint32_t abi_version = report->note.abi_major;
  if (options.isolation == PluginStatus::Isolation::kChild) {
    made = InChild(spec, *std::move(run_copy), *std::move(data_dir),
                   std::move(services));
  } else {
    // Its constructors run before any check could say no; so a child goes
    // first.
    const auto probe = ProbeModule(parts_.runner, *run_copy, kProbeDeadline);
    if (!probe.ok()) {
      unlink(run_copy->c_str());
      return Annotate(probe.status(), module->origin);
    }
    auto code = SharedObject::Open(*module, *std::move(report), *run_copy);
    if (!code.ok()) return code.status();
    made.why_pinned = (*code)->WhyPinned();
    const weir_plugin table = (*code)->table();
    made.handler = std::make_shared<InProcessHandler>(
        table, *std::move(code), std::move(services), spec.config_json,
        CallLimits{
            .create_ns = absl::ToInt64Nanoseconds(options.create_deadline),
            .ask_ns = absl::ToInt64Nanoseconds(options.create_deadline),
            .soft_ns = absl::ToInt64Nanoseconds(options.soft_deadline),
            .hard_ns = absl::ToInt64Nanoseconds(options.hard_deadline),
            .destroy_ns = absl::ToInt64Nanoseconds(HandlerSlot::kGrace)});
  }
  made.isolation = spec.options.isolation;
  made.sha256 = module->sha256;
  made.version = version;
  made.abi_version = abi_version;
  return made;
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
      ChildOptions(spec, *std::move(run_copy), std::move(data_dir));
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
  made.pid = [child] { return child->handler().pid(); };
  made.death = [child]() -> std::optional<InstanceDeath> {
    std::optional<ChildDeath> death = child->handler().death();
    if (!death.has_value()) return std::nullopt;
    SymbolizedStack stack = Symbolize(child->file(), std::move(death->frames));
    return InstanceDeath{std::move(death->cause), std::move(death->message),
                         std::move(stack.frames), std::move(stack.own_frame)};
  };
  made.cpu_seconds = [child] { return child->handler().usage().cpu_seconds; };
  made.rss_bytes = [child] { return child->handler().usage().rss_bytes; };
  made.handler = {child, &child->handler()};
  return made;
}

}  // namespace weir
