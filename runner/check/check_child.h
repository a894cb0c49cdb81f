#ifndef WEIR_RUNNER_CHECK_CHECK_CHILD_H_
#define WEIR_RUNNER_CHECK_CHECK_CHILD_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace weir {

// How a process that was looked after came to its end. A value.
struct CheckedEnd {
  int wait_status = 0;
  bool timed_out = false;       // It was killed for that.
  bool interrupted = false;     // It was killed since we are to end.
  bool left_processes = false;  // It left some behind; they are killed.
  std::string output;           // The begin of what it wrote, to both outputs.
};

// Starts `program` with these arguments and, as 3, 4, 5 ..., these descriptors,
// and waits until it ends: of itself, or by SIGABRT, and SIGKILL soon after, at
// the timeout. When this returns, nothing that it started is left, whatever it
// did to get away: orphans become ours (see BecomeSubreaper), and are killed.
//
// `interrupt_fd` is readable once this process is to end.
absl::StatusOr<CheckedEnd> RunCheckChild(const std::string& program,
                                         std::vector<std::string> args,
                                         std::vector<int> fds,
                                         absl::Duration timeout,
                                         int interrupt_fd);

// Makes this process the parent of every orphan below it. Once, before
// RunCheckChild.
void BecomeSubreaper();

}  // namespace weir

#endif  // WEIR_RUNNER_CHECK_CHECK_CHILD_H_
