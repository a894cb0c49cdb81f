#ifndef WEIR_RUNNER_CHECK_CHECKED_RUN_H_
#define WEIR_RUNNER_CHECK_CHECKED_RUN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "host/plugin/file_descriptor.h"
#include "runner/check/check.h"
#include "runner/check/check_child.h"
#include "runner/check/module_copy.h"

namespace weir {

// A process that does something with the plugin, for whoever starts one. A
// value.
struct ChildOfRunner {
  std::string runner;  // This program: the child is of it.
  std::string name;    // What the plugin is called in what is said.
  absl::Duration timeout = absl::Seconds(15);
  CheckLevel crash_level = CheckLevel::kFail;  // Of a death, or a hang.
};

// What such a process came to. A value.
struct CheckedRun {
  Verdict verdict;  // Its own, or what it died of and where.
  CheckedEnd end;
  // Of a verdict that is not its own: "SIGSEGV", "exit status 3", "hangs"; of
  // an exception "exception". Empty else.
  std::string cause;
  std::string where;   // "x.so+0x1f3a"; empty: not known.
  uint64_t input = 0;  // CheckBoard::input.
};

// Starts the child with `words`, and `module`, a board and `config_fd` open as
// run_one.h says, and waits for its end. What it left behind is killed.
//
// Returns Unavailable if there is no process or memory to be had. This process
// must be a subreaper and have no other children.
absl::StatusOr<CheckedRun> RunChecked(const ChildOfRunner& child,
                                      std::vector<std::string> words,
                                      const ModuleCopy& module, int config_fd,
                                      int interrupt_fd);

// SIGINT and SIGTERM, which are blocked then, as something to read.
FileDescriptor WatchInterrupts();

}  // namespace weir

#endif  // WEIR_RUNNER_CHECK_CHECKED_RUN_H_
