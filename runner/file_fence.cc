#include "runner/file_fence.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <set>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace weir {
namespace {

// The kernel's header may be older than the kernel: what came later is written
// down here.
struct RulesetAttributes {
  uint64_t files = 0;
  uint64_t net = 0;     // From version 4 on.
  uint64_t scoped = 0;  // From version 6 on.
};
constexpr uint64_t kTruncate = 1 << 14;     // From version 3 on.
constexpr uint64_t kDeviceIoctl = 1 << 15;  // From version 5 on.
constexpr uint64_t kBindTcp = 1 << 0;
constexpr uint64_t kConnectTcp = 1 << 1;
constexpr uint64_t kScopeAbstractSockets = 1 << 0;
constexpr uint64_t kScopeSignals = 1 << 1;

constexpr uint64_t kRead =
    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr uint64_t kWrite =
    kRead | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
    LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |
    LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |
    LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SYM |
    LANDLOCK_ACCESS_FS_REFER | kTruncate;
constexpr uint64_t kNeverAllowed = LANDLOCK_ACCESS_FS_EXECUTE |
                                   LANDLOCK_ACCESS_FS_MAKE_CHAR |
                                   LANDLOCK_ACCESS_FS_MAKE_BLOCK | kDeviceIoctl;
// Those that mean something for a file.
constexpr uint64_t kOfAFile =
    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | kTruncate;

// What that version knows of `rights`.
uint64_t Known(uint64_t rights, int version) {
  uint64_t all = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;
  if (version >= 2) all |= LANDLOCK_ACCESS_FS_REFER;
  if (version >= 3) all |= kTruncate;
  if (version >= 5) all |= kDeviceIoctl;
  return rights & all;
}

absl::Status Refused(absl::string_view what) {
  return absl::FailedPreconditionError(
      absl::StrCat("sandbox: Landlock: ", what, ": ", std::strerror(errno)));
}

// A thread that has not come round to its signals by then blocks them.
constexpr absl::Duration kThreadTime = absl::Seconds(2);
// Threads may start threads while we go round; each round finds fewer.
constexpr int kMaxRounds = 100;

// For the signal's handler. 1: done, -1: refused.
std::atomic<int> ruleset{-1};
std::atomic<int> answer{0};

void OnSignal(int) {
  const int error = errno;
  const bool done = syscall(SYS_landlock_restrict_self, ruleset.load(), 0) == 0;
  answer.store(done ? 1 : -1);
  errno = error;
}

// Returns OK, too, if it has ended.
absl::Status Fence(pid_t tid, int signal) {
  answer.store(0);
  if (syscall(SYS_tgkill, getpid(), tid, signal) != 0) return absl::OkStatus();
  const absl::Time end = absl::Now() + kThreadTime;
  while (answer.load() == 0) {
    if (syscall(SYS_tgkill, getpid(), tid, 0) != 0) return absl::OkStatus();
    if (absl::Now() > end) {
      return absl::FailedPreconditionError(
          "sandbox: a thread of the plugin blocks all signals, so that its "
          "files cannot be fenced in; block fewer, or start it with the first "
          "message, or set sandbox: none");
    }
    absl::SleepFor(absl::Microseconds(50));
  }
  return answer.load() > 0 ? absl::OkStatus() : Refused("a thread");
}

// Adds those that are new.
std::set<pid_t> NewThreads(DIR* tasks, std::set<pid_t>& known) {
  std::set<pid_t> fresh;
  rewinddir(tasks);
  while (const dirent* entry = readdir(tasks)) {
    const auto tid =
        static_cast<pid_t>(std::strtol(entry->d_name, nullptr, 10));
    if (tid > 0 && known.insert(tid).second) fresh.insert(tid);
  }
  return fresh;
}

}  // namespace

absl::StatusOr<FileFence> FileFence::Make(int version, bool no_tcp,
                                          bool no_signals) {
  RulesetAttributes attributes = {.files =
                                      Known(kWrite | kNeverAllowed, version)};
  size_t size = sizeof(uint64_t);
  if (version >= 4) {
    size = 2 * sizeof(uint64_t);
    if (no_tcp) attributes.net = kBindTcp | kConnectTcp;
  }
  if (version >= 6 && no_signals) {
    size = 3 * sizeof(uint64_t);
    attributes.scoped = kScopeAbstractSockets | kScopeSignals;
  }
  const long fd = syscall(SYS_landlock_create_ruleset, &attributes, size, 0);
  if (fd < 0) return Refused("ruleset");
  return FileFence(static_cast<int>(fd), version);
}

FileFence::FileFence(FileFence&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), version_(other.version_) {}

FileFence::~FileFence() {
  if (fd_ >= 0) close(fd_);
}

absl::Status FileFence::Allow(const std::string& path, Access access) {
  const int at = open(path.c_str(), O_PATH | O_CLOEXEC);
  if (at < 0) return absl::OkStatus();
  const absl::Cleanup close_it = [at] { close(at); };
  struct stat status = {};
  if (fstat(at, &status) != 0) return Refused(path);
  uint64_t rights = Known(access == Access::kRead ? kRead : kWrite, version_);
  if (!S_ISDIR(status.st_mode)) rights &= kOfAFile;
  const landlock_path_beneath_attr rule = {.allowed_access = rights,
                                           .parent_fd = at};
  if (syscall(SYS_landlock_add_rule, fd_, LANDLOCK_RULE_PATH_BENEATH, &rule,
              0) != 0) {
    return Refused(path);
  }
  return absl::OkStatus();
}

absl::Status FileFence::CloseAroundThisThread() const {
  if (syscall(SYS_landlock_restrict_self, fd_, 0) != 0) return Refused("close");
  return absl::OkStatus();
}

absl::Status FileFence::CloseAroundAllThreads() const {
  // Open, so that it can be read behind the fence.
  const std::unique_ptr<DIR, int (*)(DIR*)> tasks(opendir("/proc/self/task"),
                                                  &closedir);
  if (tasks == nullptr) return Refused("/proc/self/task");
  if (absl::Status status = CloseAroundThisThread(); !status.ok()) {
    return status;
  }
  ruleset.store(fd_);
  const int signal = SIGRTMAX;
  struct sigaction action = {};
  struct sigaction before = {};
  action.sa_handler = &OnSignal;
  action.sa_flags = SA_RESTART;
  sigaction(signal, &action, &before);
  const absl::Cleanup restore = [&] { sigaction(signal, &before, nullptr); };
  std::set<pid_t> known = {static_cast<pid_t>(syscall(SYS_gettid))};
  // What a fenced thread starts is fenced; so when there is none that we did
  // not know, all are.
  for (int round = 0; round < kMaxRounds; ++round) {
    const std::set<pid_t> fresh = NewThreads(tasks.get(), known);
    if (fresh.empty()) return absl::OkStatus();
    for (const pid_t tid : fresh) {
      if (absl::Status status = Fence(tid, signal); !status.ok()) return status;
    }
  }
  return absl::FailedPreconditionError(
      "sandbox: the plugin starts threads faster than they can be fenced in");
}

}  // namespace weir
