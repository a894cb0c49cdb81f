#include "runner/check/check_child.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <memory>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "host/plugin/child_process.h"

namespace weir {
namespace {

constexpr size_t kMaxOutput = 4096;
// What a report of where it hangs may take.
constexpr absl::Duration kAbortTime = absl::Milliseconds(500);

// Takes what there is. Returns false at the end.
bool Drain(int fd, std::string& text) {
  std::array<char, 16384> bytes;
  const ssize_t n = read(fd, bytes.data(), bytes.size());
  if (n > 0) {
    text.append(bytes.data(),
                std::min(static_cast<size_t>(n), kMaxOutput - text.size()));
  }
  return n != 0;
}

// Waits until `pidfd` has ended, `interrupt_fd` is readable or `end` has come.
enum class Why { kEnded, kInterrupted, kTime };
Why Await(int pidfd, int interrupt_fd, int out_fd, absl::Time end,
          std::string& output) {
  bool open = true;
  while (true) {
    const absl::Duration left = end - absl::Now();
    if (left <= absl::ZeroDuration()) return Why::kTime;
    pollfd waits[] = {{pidfd, POLLIN, 0},
                      {interrupt_fd, POLLIN, 0},
                      {open ? out_fd : -1, POLLIN, 0}};
    const auto ms =
        std::min<int64_t>(absl::ToInt64Milliseconds(left) + 1, 60'000);
    if (poll(waits, 3, static_cast<int>(ms)) <= 0) continue;
    if (waits[2].revents != 0) open = Drain(out_fd, output);
    if (waits[0].revents != 0) return Why::kEnded;
    if (waits[1].revents != 0) return Why::kInterrupted;
  }
}

// The processes whose parent we are.
std::vector<pid_t> Children() {
  std::vector<pid_t> children;
  const std::unique_ptr<DIR, void (*)(DIR*)> proc(
      opendir("/proc"), [](DIR* open) { closedir(open); });
  if (proc == nullptr) return children;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): a DIR of our own.
  while (const dirent* entry = readdir(proc.get())) {
    int pid = 0;
    if (!absl::SimpleAtoi(entry->d_name, &pid)) continue;
    std::ifstream file(absl::StrCat("/proc/", pid, "/stat"));
    std::string stat;
    std::getline(file, stat);
    // "PID (NAME) STATE PPID ...", and the name may hold anything.
    const size_t name_end = stat.rfind(") ");
    if (name_end == std::string::npos) continue;
    const std::vector<std::string> words =
        absl::StrSplit(stat.substr(name_end + 2), ' ');
    int parent = 0;
    if (words.size() > 1 && absl::SimpleAtoi(words[1], &parent) &&
        parent == getpid()) {
      children.push_back(pid);
    }
  }
  return children;
}

// Kills whatever is left, until nothing is: the children of what is killed
// become ours in turn. Returns whether there was anything but what had ended.
bool KillOrphans() {
  bool any = false;
  while (true) {
    int status = 0;
    const pid_t pid = waitpid(-1, &status, WNOHANG);
    if (pid > 0) continue;
    if (pid < 0) return any;  // There are none.
    for (const pid_t child : Children()) {
      any = true;
      kill(child, SIGKILL);
    }
    // Blocks for what was just killed.
    waitpid(-1, &status, 0);
  }
}

}  // namespace

void BecomeSubreaper() { prctl(PR_SET_CHILD_SUBREAPER, 1); }

absl::StatusOr<CheckedEnd> RunCheckChild(const std::string& program,
                                         std::vector<std::string> args,
                                         std::vector<int> fds,
                                         absl::Duration timeout,
                                         int interrupt_fd) {
  absl::StatusOr<std::pair<OwnedFd, OwnedFd>> out = MakePipe();
  if (!out.ok()) return out.status();
  absl::StatusOr<ChildPid> child = SpawnChild({.program = program,
                                               .args = std::move(args),
                                               .out_fd = out->second.get(),
                                               .err_fd = out->second.get(),
                                               .fds = std::move(fds)});
  out->second.Reset();
  if (!child.ok()) return child.status();
  CheckedEnd end;
  const int out_fd = out->first.get();
  const Why why = Await(child->pidfd.get(), interrupt_fd, out_fd,
                        absl::Now() + timeout, end.output);
  if (why == Why::kTime) {
    end.timed_out = true;
    kill(child->pid, SIGABRT);
    Await(child->pidfd.get(), interrupt_fd, out_fd, absl::Now() + kAbortTime,
          end.output);
  }
  end.interrupted = why == Why::kInterrupted;
  if (why != Why::kEnded) kill(child->pid, SIGKILL);
  waitpid(child->pid, &end.wait_status, 0);
  // Its group has no leader any more; whoever is in it was left behind.
  end.left_processes = kill(-child->pid, SIGKILL) == 0;
  end.left_processes = KillOrphans() || end.left_processes;
  Drain(out_fd, end.output);
  return end;
}

}  // namespace weir
