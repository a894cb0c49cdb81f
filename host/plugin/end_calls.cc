// Stands before the calls of the C library by which code ends its process and
// no signal handler hears of it, so that a plugin's are noted in the crash
// page: the loader looks in the program first. Code that makes the system call
// itself is not seen here.
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host/plugin/crash_page.h"

namespace weir {
namespace {

// Whether `signal`, which nobody handles or the host stops at, ends a process.
bool Ends(int signal) {
  switch (signal) {
    case 0:
    case SIGCHLD:
    case SIGCONT:
    case SIGHUP:  // The host goes on.
    case SIGPIPE:
    case SIGSTOP:
    case SIGTSTP:
    case SIGTTIN:
    case SIGTTOU:
    case SIGURG:
    case SIGWINCH:
      return false;
    default:
      return true;
  }
}

// One for this thread waits for ever if it is blocked.
bool IsBlocked(int signal) {
  sigset_t blocked;
  sigemptyset(&blocked);
  pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
  return sigismember(&blocked, signal) == 1;
}

[[noreturn]] void EndNow(int status) {
  CrashPage::NoteEnd("_exit");
  while (true) syscall(SYS_exit_group, status);
}

}  // namespace
}  // namespace weir

extern "C" {

void _exit(int status) { weir::EndNow(status); }

void _Exit(int status) noexcept { weir::EndNow(status); }

int kill(pid_t pid, int signal) noexcept {
  const bool own = pid == getpid() || pid == 0 || pid == -1 || pid == -getpid();
  if (own && weir::Ends(signal)) weir::CrashPage::NoteSignal(signal);
  return static_cast<int>(syscall(SYS_kill, pid, signal));
}

int raise(int signal) noexcept {
  if (weir::Ends(signal) && !weir::IsBlocked(signal)) {
    weir::CrashPage::NoteSignal(signal);
  }
  return static_cast<int>(syscall(SYS_tgkill, getpid(), gettid(), signal));
}

}  // extern "C"
