#include "host/plugin/child_supervisor.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <string>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "host/sync/system_clock.h"

namespace weir {
namespace {

// What of a child is ready; in the low bits of an epoll key, under its number.
enum What : uint64_t { kNotify, kOutput, kEnd, kWhatBits = 2 };

// Of a child's output per look, so that one that floods leaves room for others.
constexpr size_t kOutputBytes = 64 * 1024;

constexpr int64_t kNsPerMs = 1'000'000;

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) +
         static_cast<double>(time.tv_usec) * 1e-6;
}

uint64_t ResidentBytes(pid_t pid) {
  std::ifstream statm(absl::StrCat("/proc/", pid, "/statm"));
  uint64_t all = 0;
  uint64_t resident = 0;
  if (!(statm >> all >> resident)) return 0;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

// What is due is due in real time, whatever is done to the time of day.
int64_t NowNs() { return SystemClock().MonotonicNs(); }

absl::Status NoDescriptor() {
  return absl::ResourceExhaustedError(
      absl::StrCat("supervisor of plugins: ", std::strerror(errno)));
}

}  // namespace

struct ChildSupervisor::Request {
  ChildSpawn spawn;
  int notify_fd;
  ChildListener* listener;
  std::optional<absl::StatusOr<pid_t>> result;
};

absl::StatusOr<std::unique_ptr<ChildSupervisor>> ChildSupervisor::Start() {
  OwnedFd epoll(epoll_create1(EPOLL_CLOEXEC));
  OwnedFd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (epoll.get() < 0 || wake.get() < 0) return NoDescriptor();
  absl::StatusOr<std::pair<OwnedFd, OwnedFd>> life = MakePipe();
  if (!life.ok()) return life.status();
  epoll_event event = {.events = EPOLLIN, .data = {.u64 = 0}};
  if (epoll_ctl(epoll.get(), EPOLL_CTL_ADD, wake.get(), &event) != 0) {
    return NoDescriptor();
  }
  std::unique_ptr<ChildSupervisor> supervisor(
      new ChildSupervisor(std::move(epoll), std::move(wake),
                          std::move(life->first), std::move(life->second)));
  try {
    supervisor->thread_ = std::thread([s = supervisor.get()] { s->Work(); });
  } catch (const std::system_error& e) {
    return absl::ResourceExhaustedError(
        absl::StrCat("supervisor of plugins: no thread: ", e.what()));
  }
  return supervisor;
}

ChildSupervisor::ChildSupervisor(OwnedFd epoll, OwnedFd wake, OwnedFd life_read,
                                 OwnedFd life_write)
    : epoll_(std::move(epoll)),
      wake_(std::move(wake)),
      life_read_(std::move(life_read)),
      life_write_(std::move(life_write)) {}

ChildSupervisor::~ChildSupervisor() {
  {
    MutexLock lock(&mu_);
    stopping_ = true;
    for (const auto& [pid, child] : children_) kill(pid, SIGKILL);
  }
  Wake();
  if (thread_.joinable()) thread_.join();
}

absl::StatusOr<pid_t> ChildSupervisor::Spawn(ChildSpawn spawn, int notify_fd,
                                             ChildListener* listener) {
  Request request = {.spawn = std::move(spawn),
                     .notify_fd = notify_fd,
                     .listener = listener,
                     .result = std::nullopt};
  MutexLock lock(&mu_);
  if (stopping_) return absl::UnavailableError("the host stops");
  requests_.push_back(&request);
  Wake();
  while (!request.result.has_value()) served_.Wait(&mu_);
  return *std::move(request.result);
}

void ChildSupervisor::Kill(pid_t pid) {
  MutexLock lock(&mu_);
  if (children_.count(pid) > 0) kill(pid, SIGKILL);
}

void ChildSupervisor::Abort(pid_t pid, pid_t tid) {
  {
    MutexLock lock(&mu_);
    const auto child = children_.find(pid);
    if (child == children_.end()) return;
    if (syscall(SYS_tgkill, pid, tid, SIGABRT) != 0) kill(pid, SIGABRT);
    child->second.kill_at_ns =
        std::min(child->second.kill_at_ns,
                 NowNs() + absl::ToInt64Nanoseconds(kReportTime));
  }
  Wake();
}

std::optional<ChildUsage> ChildSupervisor::Usage(pid_t pid) const {
  // Under the lock, so that it is not reaped meanwhile.
  MutexLock lock(&mu_);
  if (children_.count(pid) == 0) return std::nullopt;
  ChildUsage usage = {.cpu_seconds = 0, .rss_bytes = ResidentBytes(pid)};
  clockid_t clock = {};
  timespec time = {};
  if (clock_getcpuclockid(pid, &clock) == 0 &&
      clock_gettime(clock, &time) == 0) {
    usage.cpu_seconds = static_cast<double>(time.tv_sec) +
                        static_cast<double>(time.tv_nsec) * 1e-9;
  }
  return usage;
}

void ChildSupervisor::Wake() { eventfd_write(wake_.get(), 1); }

void ChildSupervisor::Work() {
  pthread_setname_np(pthread_self(), "children");
  std::array<epoll_event, 16> events = {};
  while (true) {
    ServeRequests();
    const std::optional<int64_t> next_ns = KillWhatIsDue();
    {
      MutexLock lock(&mu_);
      if (stopping_ && requests_.empty() && children_.empty()) return;
    }
    const int64_t wait_ms = next_ns.has_value() ? *next_ns / kNsPerMs + 1 : -1;
    const int n = epoll_wait(epoll_.get(), events.data(), events.size(),
                             static_cast<int>(wait_ms));
    for (int i = 0; i < n; ++i) Serve(events[i].data.u64);
  }
}

void ChildSupervisor::ServeRequests() {
  eventfd_t ignored = 0;
  eventfd_read(wake_.get(), &ignored);
  while (true) {
    Request* request = nullptr;
    {
      MutexLock lock(&mu_);
      if (requests_.empty()) return;
      request = requests_.front();
      requests_.pop_front();
    }
    absl::StatusOr<pid_t> result = StartChild(*request);
    MutexLock lock(&mu_);
    request->result = std::move(result);
    served_.NotifyAll();
  }
}

absl::StatusOr<pid_t> ChildSupervisor::StartChild(Request& request) {
  absl::StatusOr<std::pair<OwnedFd, OwnedFd>> output = MakePipe();
  if (!output.ok()) return output.status();
  request.spawn.out_fd = output->second.get();
  request.spawn.err_fd = output->second.get();
  request.spawn.fds.push_back(life_read_.get());
  absl::StatusOr<ChildPid> process = SpawnChild(request.spawn);
  if (!process.ok()) return process.status();
  const pid_t pid = process->pid;
  Child child = {.process = *std::move(process),
                 .output = std::move(output->first),
                 .notify_fd = request.notify_fd,
                 .listener = request.listener};
  if (!Watch(child)) {
    const absl::Status status = NoDescriptor();
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    return status;
  }
  MutexLock lock(&mu_);
  if (stopping_) kill(pid, SIGKILL);
  children_.emplace(pid, std::move(child));
  return pid;
}

// Descriptors that stay open elsewhere, as that of the pipe may in a process
// that the child left behind, are taken out again by Reap.
bool ChildSupervisor::Watch(const Child& child) {
  for (const auto& [fd, what] : {std::pair(child.notify_fd, kNotify),
                                 std::pair(child.output.get(), kOutput),
                                 std::pair(child.process.pidfd.get(), kEnd)}) {
    epoll_event event = {
        .events = EPOLLIN,
        .data = {.u64 = static_cast<uint64_t>(child.process.pid) << kWhatBits |
                        what}};
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return false;
  }
  return true;
}

void ChildSupervisor::Serve(uint64_t key) {
  const auto pid = static_cast<pid_t>(key >> kWhatBits);
  Child* child = nullptr;
  {
    MutexLock lock(&mu_);
    const auto found = children_.find(pid);
    if (found == children_.end()) return;  // Ended in this very round.
    child = &found->second;
  }
  switch (key & ((1 << kWhatBits) - 1)) {
    case kNotify: {
      eventfd_t ignored = 0;
      eventfd_read(child->notify_fd, &ignored);
      child->listener->OnNotify();
      break;
    }
    case kOutput:
      ReadOutput(*child);
      break;
    default:
      Reap(pid, *child);
  }
}

void ChildSupervisor::ReadOutput(const Child& child) {
  std::array<char, 4096> text;
  for (size_t all = 0; all < kOutputBytes;) {
    const ssize_t n = read(child.output.get(), text.data(), text.size());
    if (n == 0) {  // It closed both, and goes on.
      epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, child.output.get(), nullptr);
    }
    if (n <= 0) return;
    child.listener->OnOutput({text.data(), static_cast<size_t>(n)});
    all += static_cast<size_t>(n);
  }
}

void ChildSupervisor::Reap(pid_t pid, Child& child) {
  // What it left behind in its group: while it is not waited for, the group's
  // number is its own.
  kill(-pid, SIGKILL);
  ReadOutput(child);
  for (const int fd : {child.notify_fd, child.output.get()}) {
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  }
  ChildListener* const listener = child.listener;
  listener->OnNotify();
  int status = 0;
  rusage usage = {};
  {
    MutexLock lock(&mu_);
    wait4(pid, &status, 0, &usage);
    children_.erase(pid);
  }
  listener->OnEnd(
      status, {.cpu_seconds = Seconds(usage.ru_utime) + Seconds(usage.ru_stime),
               .rss_bytes = 0});
}

// Returns how long it is to the next one, if there is one.
std::optional<int64_t> ChildSupervisor::KillWhatIsDue() {
  const int64_t now_ns = NowNs();
  std::optional<int64_t> next_ns;
  MutexLock lock(&mu_);
  for (auto& [pid, child] : children_) {
    if (child.kill_at_ns == INT64_MAX) continue;
    if (child.kill_at_ns <= now_ns) {
      kill(pid, SIGKILL);
      child.kill_at_ns = INT64_MAX;
      continue;
    }
    const int64_t left_ns = child.kill_at_ns - now_ns;
    next_ns = std::min(next_ns.value_or(left_ns), left_ns);
  }
  return next_ns;
}

}  // namespace weir
