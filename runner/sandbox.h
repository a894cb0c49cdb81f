#ifndef WEIR_RUNNER_SANDBOX_H_
#define WEIR_RUNNER_SANDBOX_H_

#include <string>

#include "absl/status/status.h"
#include "host/control/sandbox_profile.h"
#include "host/plugin/sandbox_support.h"

namespace weir {

// The fence around the process of a plugin, in two steps:
//
//                        Begin            Close
//   reading files        all that its user may      strict: none
//                                                   files, net: data directory
//   writing files        data directory (strict: none), from the begin on
//   sockets              none (net: of the Internet), from the begin on
//   processes, programs, signals to others, other users, limits, modes: none
//
// Two, because to load a library and to read what a plugin begins with takes
// files. Profile `none` is no fence. What the kernel does not have is left out;
// the host tells of that. See docs/operations.md.
//
// Begin is called once, before the process has a second thread and any code of
// the plugin; Close once, after the instance was made, by the thread that made
// it. It holds for all threads.
class Sandbox {
 public:
  // `data_dir` is absolute, or empty: there is none.
  Sandbox(SandboxProfile profile, std::string data_dir,
          const SandboxSupport& support);

  // Returns FailedPrecondition with what was refused; no plugin may be loaded
  // then.
  absl::Status Begin() const;
  absl::Status Close() const;

 private:
  bool has_data() const {
    return profile_ != SandboxProfile::kStrict && !data_dir_.empty();
  }
  absl::Status FenceFilesWhileCreating() const;
  absl::Status FenceFiles() const;

  const SandboxProfile profile_;
  const std::string data_dir_;
  const SandboxSupport support_;
};

}  // namespace weir

#endif  // WEIR_RUNNER_SANDBOX_H_
