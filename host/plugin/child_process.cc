#include "host/plugin/child_process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace weir {
namespace {

// Above what a child starts with, so that moving one descriptor to its place
// never overwrites another that still has to be moved.
constexpr int kAboveAll = 20;

absl::StatusOr<OwnedFd> MoveUp(int fd) {
  const int moved = fcntl(fd, F_DUPFD_CLOEXEC, kAboveAll);
  if (moved >= 0) return OwnedFd(moved);
  return absl::UnavailableError(
      absl::StrCat("descriptor ", fd, ": ", std::strerror(errno)));
}

std::vector<char*> Pointers(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> Environment() {
  std::vector<std::string> environment;
  for (const char* name : {"TZ", "LANG"}) {
    // Nobody sets a variable while the host runs.
    const char* const value =
        std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
    if (value != nullptr) environment.push_back(absl::StrCat(name, "=", value));
  }
  return environment;
}

void SetAttributes(posix_spawnattr_t& attributes) {
  sigset_t all;
  sigset_t none;
  sigfillset(&all);
  sigemptyset(&none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF |
                                            POSIX_SPAWN_SETSIGMASK |
                                            POSIX_SPAWN_SETPGROUP);
}

}  // namespace

OwnedFd::~OwnedFd() {
  if (fd_ >= 0) close(fd_);
}

absl::StatusOr<std::pair<OwnedFd, OwnedFd>> MakePipe() {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) {
    return absl::ResourceExhaustedError(
        absl::StrCat("pipe: ", std::strerror(errno)));
  }
  std::pair<OwnedFd, OwnedFd> ends{OwnedFd(fds[0]), OwnedFd(fds[1])};
  fcntl(fds[0], F_SETFL, O_NONBLOCK);
  return ends;
}

absl::StatusOr<ChildPid> SpawnChild(const ChildSpawn& spawn) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  const absl::Cleanup destroy = [&] {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  };
  SetAttributes(attributes);
  std::vector<OwnedFd> moved;
  const auto place = [&](int fd, int at) -> absl::Status {
    if (fd < 0) {
      posix_spawn_file_actions_addopen(&actions, at, "/dev/null", O_RDWR, 0);
      return absl::OkStatus();
    }
    absl::StatusOr<OwnedFd> up = MoveUp(fd);
    if (!up.ok()) return up.status();
    posix_spawn_file_actions_adddup2(&actions, up->get(), at);
    moved.push_back(*std::move(up));
    return absl::OkStatus();
  };
  std::vector<int> fds = {-1, spawn.out_fd, spawn.err_fd};
  fds.insert(fds.end(), spawn.fds.begin(), spawn.fds.end());
  for (size_t i = 0; i < fds.size(); ++i) {
    const absl::Status placed = place(fds[i], static_cast<int>(i));
    if (!placed.ok()) return placed;
  }
  posix_spawn_file_actions_addclosefrom_np(&actions,
                                           static_cast<int>(fds.size()));

  std::vector<std::string> args = {spawn.program};
  args.insert(args.end(), spawn.args.begin(), spawn.args.end());
  std::vector<std::string> environment = Environment();
  ChildPid child;
  const int error =
      posix_spawn(&child.pid, spawn.program.c_str(), &actions, &attributes,
                  Pointers(args).data(), Pointers(environment).data());
  if (error != 0) {
    return absl::UnavailableError(
        absl::StrCat(spawn.program, ": ", std::strerror(error)));
  }
  child.pidfd =
      OwnedFd(static_cast<int>(syscall(SYS_pidfd_open, child.pid, 0)));
  if (child.pidfd.get() >= 0) return child;
  const absl::Status status = absl::UnavailableError(absl::StrCat(
      spawn.program, ": no descriptor for it: ", std::strerror(errno)));
  kill(child.pid, SIGKILL);
  waitpid(child.pid, nullptr, 0);
  return status;
}

}  // namespace weir
