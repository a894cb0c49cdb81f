#include "host/plugin/module_checks.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/plugin/elf_check.h"
#include "host/plugin/module_check.h"
#include "host/plugin/module_validator.h"
#include "host/plugin/probe_module.h"
#include "host/status/error_info.h"

namespace weir {
namespace {

using Level = PluginCheckReport::Level;

// No check of a module takes longer, unless it hangs again and again.
constexpr absl::Duration kMaxTime = absl::Minutes(5);
constexpr absl::Duration kProbeDeadline = absl::Seconds(5);

absl::Status Draining() {
  return MakeError(absl::StatusCode::kUnavailable, "the host stops",
                   {.reason = "SERVER_DRAINING"});
}

absl::Status Busy(const std::string& module, absl::string_view why) {
  return MakeError(absl::StatusCode::kAborted, absl::StrCat(module, ": ", why),
                   {.reason = "PLUGIN_BUSY",
                    .metadata = {{"name", module}, {"operation", "check"}},
                    .retry_delay = absl::Seconds(1)});
}

// "/x/a.so: file.mode: everybody ..." as a finding; what is no check's finding
// is the host's own trouble, and stays an error.
absl::StatusOr<PluginCheckReport> ToReport(const absl::Status& status,
                                           PluginCheckReport report) {
  const absl::string_view text = status.message();
  const size_t check = std::min(text.find(": file."), text.find(": elf."));
  if (check == absl::string_view::npos) return status;
  const absl::string_view rest = text.substr(check + 2);
  const size_t end = rest.find(": ");
  if (end == absl::string_view::npos) return status;
  report.findings.push_back({.level = Level::kError,
                             .check = std::string(rest.substr(0, end)),
                             .message = std::string(rest.substr(end + 2))});
  return report;
}

}  // namespace

ModuleChecks::ModuleChecks(std::string runner, std::vector<uid_t> owners,
                           ModuleStore& store, const Clock& clock,
                           FindSpec find_spec)
    : runner_(std::move(runner)),
      owners_(std::move(owners)),
      store_(store),
      clock_(clock),
      find_spec_(std::move(find_spec)),
      stop_fd_(eventfd(0, EFD_CLOEXEC)),
      thread_([this] { Run(); }) {}

ModuleChecks::~ModuleChecks() { Stop(); }

void ModuleChecks::Check(PluginCheckRequest request, Reply reply) {
  absl::Status refused;
  {
    MutexLock lock(&mu_);
    if (stop_) {
      refused = Draining();
    } else if (jobs_.size() >= kMaxWaiting) {
      refused = Busy(request.module, "too many checks wait");
    }
    if (refused.ok()) {
      jobs_.push_back({std::move(request), std::move(reply)});
      changed_.NotifyAll();
      return;
    }
  }
  reply(refused);
}

void ModuleChecks::Stop() {
  {
    MutexLock lock(&mu_);
    stop_ = true;
    changed_.NotifyAll();
  }
  eventfd_write(stop_fd_.get(), 1);
  if (thread_.joinable()) thread_.join();
}

void ModuleChecks::Run() {
  while (true) {
    Job job;
    bool stop = false;
    {
      MutexLock lock(&mu_);
      while (!stop_ && jobs_.empty()) changed_.Wait(&mu_);
      if (jobs_.empty()) return;
      stop = stop_;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    if (stop) {
      job.reply(Draining());
    } else if (clock_.Now() > job.request.deadline) {
      job.reply(
          Busy(job.request.module, "other checks took until the deadline"));
    } else {
      absl::StatusOr<PluginCheckReport> report = Do(job.request);
      job.reply(absl::IsCancelled(report.status()) ? Draining()
                                                   : std::move(report));
    }
  }
}

absl::StatusOr<PluginCheckReport> ModuleChecks::Do(
    const PluginCheckRequest& request) const {
  const absl::StatusOr<PluginSlotSpec> spec = find_spec_(request.module);
  if (!spec.ok()) {
    return MakeError(absl::StatusCode::kNotFound, spec.status().message(),
                     {.reason = "PLUGIN_MODULE_NOT_FOUND",
                      .metadata = {{"module", request.module}}});
  }
  PluginCheckReport report;
  const absl::StatusOr<StoredModule> module = store_.Add(spec->path, owners_);
  if (!module.ok()) return ToReport(module.status(), std::move(report));
  report.sha256 = module->sha256;
  if (!request.sha256.empty() && request.sha256 != module->sha256) {
    return MakeError(
        absl::StatusCode::kFailedPrecondition,
        absl::StrCat(request.module, ": file.sha256: ", module->sha256,
                     ", and not the one that was asked for; ask for this one, "
                     "or put the right file there"),
        {.reason = "PLUGIN_DIGEST_MISMATCH",
         .metadata = {{"module", request.module}}});
  }
  report.findings.push_back({.check = "file.open"});
  const absl::StatusOr<ElfReport> elf =
      CheckModule(*module, spec->allowed_sha256);
  if (elf.ok()) {
    report.version = elf->note.version;
    report.abi_version = elf->note.abi_major;
    const absl::StatusOr<ModuleProbe> probe =
        ProbeModule(runner_, module->path, kProbeDeadline);
    if (probe.ok()) report.config_schema = probe->config_schema;
  } else if (absl::StrContains(elf.status().message(), ": file.")) {
    // The rest is the validator's to say, and at more length.
    absl::StatusOr<PluginCheckReport> with =
        ToReport(elf.status(), std::move(report));
    if (!with.ok()) return with.status();
    report = *std::move(with);
  }
  const absl::Time end = std::min(request.deadline, clock_.Now() + kMaxTime);
  absl::StatusOr<std::vector<PluginCheckReport::Finding>> findings =
      ValidateModule(runner_, module->path, request.module,
                     request.config_json.value_or(spec->config_json), end,
                     stop_fd_.get());
  if (!findings.ok()) return findings.status();
  report.findings.insert(report.findings.end(), findings->begin(),
                         findings->end());
  return report;
}

}  // namespace weir
