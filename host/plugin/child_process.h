#ifndef WEIR_HOST_PLUGIN_CHILD_PROCESS_H_
#define WEIR_HOST_PLUGIN_CHILD_PROCESS_H_

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace weir {

// A file descriptor, closed with its owner.
class OwnedFd {
 public:
  OwnedFd() = default;
  explicit OwnedFd(int fd) : fd_(fd) {}
  OwnedFd(OwnedFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  OwnedFd& operator=(OwnedFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~OwnedFd();

  int get() const { return fd_; }  // -1: none.
  void Reset() { *this = OwnedFd(); }

 private:
  int fd_ = -1;
};

// Both ends of a new pipe, for reading and for writing. Both are closed in
// children, and the reading end does not block. Returns ResourceExhausted with
// the system's reason.
absl::StatusOr<std::pair<OwnedFd, OwnedFd>> MakePipe();

// What to start, and what it starts with.
struct ChildSpawn {
  std::string program;            // A path.
  std::vector<std::string> args;  // Without the program's name.
  int out_fd = -1;                // Its standard output; -1: /dev/null.
  int err_fd = -1;                // Its standard error; -1: /dev/null.
  std::vector<int> fds;           // These become 3, 4, 5, ...
};

// A process that was started, and not waited for yet: so its number is nobody
// else's.
struct ChildPid {
  pid_t pid = 0;
  OwnedFd pidfd;  // Readable once it has ended.
};

// Starts a program in a process group of its own, with these descriptors and no
// others, no signal blocked or ignored, and an environment of no more than TZ
// and LANG: what an operator gave the host, such as a password, is not the
// child's. Returns Unavailable, with the path and the system's reason.
absl::StatusOr<ChildPid> SpawnChild(const ChildSpawn& spawn);

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_CHILD_PROCESS_H_
