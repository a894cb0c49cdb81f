#ifndef WEIR_RUNNER_CHECK_RUN_ALL_H_
#define WEIR_RUNNER_CHECK_RUN_ALL_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "runner/check/check.h"
#include "runner/check/module_copy.h"

namespace weir {

// How RunChecks goes about it.
struct CheckRunOptions {
  std::string runner;         // This program: the children are of it.
  std::string name;           // What the plugin is called in what is said.
  std::string config = "{}";  // The plugin's, without its defaults.
  // A file of messages for replay.messages, which is not run without.
  std::string replay;
  absl::Duration timeout = absl::Seconds(15);  // Of each check.
  // Whether a check is run; null: all are. One that is not counts as passed for
  // those that need it.
  std::function<bool(absl::string_view id)> chosen = nullptr;
};

// Runs the checks on `module`, each in a process group of its own, and tells
// `found` of each as soon as it is done. What a check's process left behind,
// also outside of its group, is killed before the next one begins.
//
// Returns Cancelled if the process was told to end, by SIGINT or SIGTERM,
// meanwhile, and Unavailable if there are no processes to be had. This process
// must have no other children, and ignores no signal.
absl::Status RunChecks(const ModuleCopy& module, const CheckRunOptions& options,
                       const std::function<void(const Check&, const Verdict&,
                                                absl::Duration)>& found);

}  // namespace weir

#endif  // WEIR_RUNNER_CHECK_RUN_ALL_H_
