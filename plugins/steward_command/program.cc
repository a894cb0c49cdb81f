#include "plugins/steward_command/program.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <system_error>
#include <utility>

namespace weir {
namespace {

using Clock = std::chrono::steady_clock;

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      Close();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~Fd() { Close(); }

  int get() const { return fd_; }
  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

 private:
  int fd_ = -1;
};

struct Pipe {
  Fd read, write;

  // Neither end blocks the reader, or reaches a program by accident.
  bool Open() {
    std::array<int, 2> ends = {-1, -1};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) return false;
    read = Fd(ends[0]);
    write = Fd(ends[1]);
    return fcntl(read.get(), F_SETFL, O_NONBLOCK) == 0;
  }
};

std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) {
    pointers.push_back(const_cast<char*>(text.c_str()));
  }
  pointers.push_back(nullptr);
  return pointers;
}

// What the child needs, made before there is one: in it nothing may be
// allocated.
struct Child {
  const char* path;
  char* const* arguments;
  char* const* environment;
  const char* directory;
  int in, out, err, report;
  pid_t parent;
};

// In the child, in which only what is safe in signal handlers may be called.
[[noreturn]] void Become(const Child& child) {
  constexpr int kReport = 3;
  const auto fail = [](int fd) {
    const int error = errno;
    if (write(fd, &error, sizeof(error)) < 0) {
      // Then it looks as if it had ended with 127.
    }
    _exit(127);
  };
  int report = child.report;
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != child.parent) {
    _exit(127);
  }
  setpgid(0, 0);
  for (int number = 1; number < NSIG; ++number) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  // All four are above 3, so none is written over before it was copied.
  if (dup2(child.in, 0) < 0 || dup2(child.out, 1) < 0 ||
      dup2(child.err, 2) < 0 || dup3(report, kReport, O_CLOEXEC) < 0) {
    fail(report);
  }
  report = kReport;
  if (syscall(SYS_close_range, kReport + 1, ~0U, 0) != 0 ||
      chdir(child.directory) != 0) {
    fail(report);
  }
  umask(077);
  execve(child.path, child.arguments, child.environment);
  fail(report);
  _exit(127);
}

// Descriptors that are at least 4.
Fd Above3(Fd fd) {
  if (fd.get() < 0 || fd.get() > 3) return fd;
  return Fd(fcntl(fd.get(), F_DUPFD_CLOEXEC, 4));
}

// Takes what there is, or a good piece of it, so that one who writes for ever
// does not hold up the look at the time; returns false at the end of it, or if
// `take` does.
template <typename Take>
bool Drain(int fd, const Take& take, bool* refused) {
  std::array<char, 65536> bytes;
  for (int pieces = 0; pieces < 16; ++pieces) {
    const ssize_t size = read(fd, bytes.data(), bytes.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return errno == EAGAIN;
    if (size == 0) return false;
    if (!take(std::string_view(bytes.data(), static_cast<size_t>(size)))) {
      *refused = true;
      return false;
    }
  }
  return true;
}

int MillisecondsTo(Clock::time_point end) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
  return static_cast<int>(std::clamp<int64_t>(left, 0, 60'000));
}

// Until the program has ended, its time is over or `on_output` has had enough.
void Follow(const ProgramCall& call, int ended_fd, Fd out, Fd err,
            const std::function<bool(std::string_view)>& on_output,
            ProgramResult* result) {
  const auto keep = [&](std::string_view text) {
    result->errors +=
        text.substr(0, call.max_error_bytes - std::min(call.max_error_bytes,
                                                       result->errors.size()));
    return true;
  };
  bool ignored = false;
  while (true) {
    std::array<pollfd, 3> watched = {{{ended_fd, POLLIN, 0},
                                      {out.get(), POLLIN, 0},
                                      {err.get(), POLLIN, 0}}};
    const int ready =
        poll(watched.data(), watched.size(), MillisecondsTo(call.end));
    if (ready < 0 && errno != EINTR) return;
    if (out.get() >= 0 && !Drain(out.get(), on_output, &result->stopped)) {
      out.Close();
    }
    if (err.get() >= 0 && !Drain(err.get(), keep, &ignored)) err.Close();
    if (result->stopped) return;
    // What the program had written before it ended is taken by now, unless it
    // is much; what others of its group might still write is nobody's.
    if (ready > 0 && watched[0].revents != 0 &&
        (watched[1].revents & POLLIN) == 0 &&
        (watched[2].revents & POLLIN) == 0) {
      return;
    }
    if (Clock::now() >= call.end) {
      result->timed_out = true;
      return;
    }
  }
}

}  // namespace

ProgramResult RunProgram(
    const ProgramCall& call,
    const std::function<bool(std::string_view)>& on_output) {
  ProgramResult result;
  const auto give_up = [&](int error) {
    result.not_started = std::generic_category().message(error);
    return result;
  };
  const auto holds_nul = [](const std::string& text) {
    return text.find('\0') != std::string::npos;
  };
  if (std::any_of(call.arguments.begin(), call.arguments.end(), holds_nul) ||
      std::any_of(call.environment.begin(), call.environment.end(),
                  holds_nul)) {
    result.not_started = "an argument, or the data, has a byte 0 in it";
    return result;
  }
  Pipe out;
  Pipe err;
  Pipe report;
  if (!out.Open() || !err.Open() || !report.Open()) return give_up(errno);
  const Fd in = Above3(Fd(open("/dev/null", O_RDONLY | O_CLOEXEC)));
  out.write = Above3(std::move(out.write));
  err.write = Above3(std::move(err.write));
  report.write = Above3(std::move(report.write));
  const std::vector<char*> arguments = Pointers(call.arguments);
  const std::vector<char*> environment = Pointers(call.environment);
  const std::string directory = call.directory.empty() ? "/" : call.directory;
  const Child child = {
      call.path.c_str(), arguments.data(),   environment.data(),
      directory.c_str(), in.get(),           out.write.get(),
      err.write.get(),   report.write.get(), getpid()};
  const pid_t pid = fork();
  if (pid < 0) return give_up(errno);
  if (pid == 0) Become(child);
  setpgid(pid, pid);  // Whoever of the two comes first.
  out.write.Close();
  err.write.Close();
  report.write.Close();
  // Ends when it became the program, or brings why it did not.
  pollfd began = {report.read.get(), POLLIN, 0};
  while (poll(&began, 1, -1) < 0 && errno == EINTR) {
  }
  int error = 0;
  const bool failed =
      read(report.read.get(), &error, sizeof(error)) == sizeof(error);
  if (!failed) {
    const Fd ended(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    Follow(call, ended.get(), std::move(out.read), std::move(err.read),
           on_output, &result);
  }
  kill(-pid, SIGKILL);
  kill(pid, SIGKILL);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (failed) return give_up(error);
  if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
  if (WIFEXITED(status)) result.exit_status = WEXITSTATUS(status);
  return result;
}

}  // namespace weir
