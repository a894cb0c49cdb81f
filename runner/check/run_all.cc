#include "runner/check/run_all.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "host/plugin/file_descriptor.h"
#include "runner/check/check_child.h"
#include "runner/check/check_config.h"
#include "runner/check/checked_run.h"

namespace weir {
namespace {

// What only the outside of the process shows.
void LookFromOutside(const Check& check, const CheckedEnd& end,
                     Verdict& verdict) {
  if (verdict.level != CheckLevel::kPass) return;
  if (check.id == "thread.processes" && end.left_processes) {
    verdict = Fail(
        "leaves processes behind after destroy; end them and wait for them");
  }
  if ((check.id == "load.quiet" || check.id == "thread.output") &&
      !end.output.empty()) {
    verdict = Warn(
        absl::StrCat("writes to standard output or error",
                     check.id == "load.quiet" ? " when it is loaded: " : ": ",
                     end.output.substr(0, 80), "; use host.log"));
  }
}

}  // namespace

absl::Status RunChecks(const ModuleCopy& module, const CheckRunOptions& options,
                       const std::function<void(const Check&, const Verdict&,
                                                absl::Duration)>& found) {
  BecomeSubreaper();
  const FileDescriptor interrupts = WatchInterrupts();
  const absl::StatusOr<FileDescriptor> config =
      MemoryFile("config", WithDefaults(module,
                                        {.runner = options.runner,
                                         .name = options.name,
                                         .timeout = options.timeout},
                                        options.config));
  if (!config.ok()) return config.status();
  std::map<std::string, std::string> stopped;  // By id, what made it so.
  for (const Check& check : AllChecks()) {
    if (options.chosen && !options.chosen(check.id)) continue;
    if (check.id == "replay.messages" && options.replay.empty()) continue;
    const auto need =
        std::find_if(check.needs.begin(), check.needs.end(),
                     [&](const std::string& id) { return stopped.count(id); });
    const absl::Time begin = absl::Now();
    Verdict verdict;
    if (need != check.needs.end()) {
      verdict = Skip(absl::StrCat("because of ", stopped[*need]));
      stopped[check.id] = stopped[*need];
    } else if (const auto known = module.verdicts.find(check.id);
               !check.run && known != module.verdicts.end()) {
      verdict = known->second;
    } else if (!check.run || !module.file.ok()) {
      verdict = Skip("the file was not read");
      stopped[check.id] = "file.type";
    } else {
      const absl::StatusOr<CheckedRun> run =
          RunChecked({.runner = options.runner,
                      .name = options.name,
                      .timeout = options.timeout,
                      .crash_level = check.crash_level},
                     {"--check-one", check.id, options.replay}, module,
                     config->get(), interrupts.get());
      if (!run.ok()) return run.status();
      if (run->end.interrupted) return absl::CancelledError("interrupted");
      verdict = run->verdict;
      LookFromOutside(check, run->end, verdict);
    }
    if (verdict.level == CheckLevel::kFail) stopped[check.id] = check.id;
    found(check, verdict, absl::Now() - begin);
  }
  return absl::OkStatus();
}

}  // namespace weir
