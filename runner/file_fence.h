#ifndef WEIR_RUNNER_FILE_FENCE_H_
#define WEIR_RUNNER_FILE_FENCE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace weir {

// Which files may be opened from now on, by Landlock. Whatever is not allowed
// fails with EACCES. What is open already stays open, and what was fenced can
// only be fenced closer. Not thread-safe.
class FileFence {
 public:
  enum class Access {
    kRead,   // Of files, and of directories.
    kWrite,  // That, and all that makes, changes and removes files.
  };

  // Allows nothing yet. `version` is that of Landlock's interface, 1 or more;
  // with `no_tcp` and a version of 4 or more, TCP is refused, too; with
  // `no_signals` and 6 or more, signals to processes outside of the fence.
  // Returns FailedPrecondition with the system's reason.
  static absl::StatusOr<FileFence> Make(int version, bool no_tcp,
                                        bool no_signals);

  FileFence(FileFence&& other) noexcept;
  FileFence& operator=(FileFence&&) = delete;
  ~FileFence();

  // Allows `access` to what is at `path` and below. Follows links. Where there
  // is nothing, nothing is allowed.
  absl::Status Allow(const std::string& path, Access access);

  // Puts the fence around the calling thread and those that it starts. Needs
  // PR_SET_NO_NEW_PRIVS.
  absl::Status CloseAroundThisThread() const;

  // The same for every thread of this process, one after the other, by a
  // signal. Returns FailedPrecondition if there is one that blocks all signals.
  absl::Status CloseAroundAllThreads() const;

 private:
  FileFence(int fd, int version) : fd_(fd), version_(version) {}

  int fd_;  // The ruleset's.
  const int version_;
};

}  // namespace weir

#endif  // WEIR_RUNNER_FILE_FENCE_H_
