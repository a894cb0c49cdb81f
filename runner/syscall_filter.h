#ifndef WEIR_RUNNER_SYSCALL_FILTER_H_
#define WEIR_RUNNER_SYSCALL_FILTER_H_

#include <linux/filter.h>
#include <sys/types.h>

#include <vector>

#include "absl/status/status.h"

namespace weir {

// What a process may ask the kernel for, beside memory, threads, clocks, waking
// and sleeping, what is open already, and its own end.
struct AllowedCalls {
  bool files = false;    // Opens, makes, renames and removes files.
  bool sockets = false;  // Internet sockets. Never those of Unix: that way lie
                         // other services of the machine.
};

// Makes a seccomp filter for the process `pid`: what it names is allowed, all
// else fails with EPERM; with ENOSYS what is newer than this list, and the two
// calls whose arguments a filter cannot see and which the C library then makes
// in an older way. In no case may a process start another, run a program, look
// into one, send a signal to anybody but itself, change modes, owners or
// limits, or become somebody else.
std::vector<sock_filter> MakeSyscallFilter(const AllowedCalls& allowed,
                                           pid_t pid);

// Puts `filter` upon the calling thread, what it starts, and, with
// `all_threads`, all others of this process. Needs PR_SET_NO_NEW_PRIVS. Returns
// FailedPrecondition with the system's reason.
absl::Status InstallSyscallFilter(std::vector<sock_filter> filter,
                                  bool all_threads);

}  // namespace weir

#endif  // WEIR_RUNNER_SYSCALL_FILTER_H_
