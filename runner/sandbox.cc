#include "runner/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "runner/file_fence.h"
#include "runner/syscall_filter.h"

namespace weir {
namespace {

// Descriptors that a plugin may have open, those of the runner included.
constexpr rlim_t kMaxFiles = 32;
constexpr rlim_t kMaxFilesWithSockets = 256;

// What resolving a name, checking a certificate and telling the time read.
constexpr const char* kForTheNet[] = {
    "/etc/resolv.conf",   "/etc/hosts",    "/etc/host.conf",
    "/etc/nsswitch.conf", "/etc/gai.conf", "/etc/services",
    "/etc/protocols",     "/etc/ssl",      "/usr/share/ca-certificates",
    "/etc/ld.so.cache",   "/lib",          "/lib64",
    "/usr/lib",
};
constexpr const char* kForAll[] = {"/dev/urandom", "/etc/localtime",
                                   "/usr/share/zoneinfo"};

void Limit(__rlimit_resource resource, rlim_t most) {
  const rlimit limit = {most, most};
  setrlimit(resource, &limit);
}

// If memory runs out, this process goes first. Needs no right: it is for the
// worse.
void OfferToTheOomKiller() {
  const int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  if (write(fd, "500", 3) < 0) {
    // As it was: the plugin runs all the same.
  }
  close(fd);
}

// Of what root may, only the files stay: the host's own may belong to others.
absl::Status DropCapabilities() {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (syscall(SYS_capget, &header, data) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("sandbox: capget: ", std::strerror(errno)));
  }
  constexpr uint32_t kKept = 1U << CAP_DAC_OVERRIDE | 1U << CAP_DAC_READ_SEARCH;
  data[0].permitted &= kKept;
  data[0].effective &= kKept;
  data[0].inheritable = 0;
  data[1] = {};
  if (syscall(SYS_capset, &header, data) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("sandbox: capset: ", std::strerror(errno)));
  }
  return absl::OkStatus();
}

}  // namespace

Sandbox::Sandbox(SandboxProfile profile, std::string data_dir,
                 const SandboxSupport& support)
    : profile_(profile), data_dir_(std::move(data_dir)), support_(support) {}

absl::Status Sandbox::Begin() const {
  OfferToTheOomKiller();
  Limit(RLIMIT_CORE, 0);
  if (profile_ == SandboxProfile::kNone) return absl::OkStatus();
  const bool net = profile_ == SandboxProfile::kNet;
  Limit(RLIMIT_NOFILE, net ? kMaxFilesWithSockets : kMaxFiles);
  if (absl::Status status = DropCapabilities(); !status.ok()) return status;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("sandbox: no_new_privs: ", std::strerror(errno)));
  }
  if (absl::Status status = FenceFilesWhileCreating(); !status.ok()) {
    return status;
  }
  if (!support_.seccomp) return absl::OkStatus();
  return InstallSyscallFilter(
      MakeSyscallFilter({.files = true, .sockets = net}, getpid()),
      /*all_threads=*/false);
}

absl::Status Sandbox::Close() const {
  if (profile_ == SandboxProfile::kNone) return absl::OkStatus();
  if (absl::Status status = FenceFiles(); !status.ok()) return status;
  if (profile_ != SandboxProfile::kStrict || !support_.seccomp) {
    return absl::OkStatus();
  }
  return InstallSyscallFilter(MakeSyscallFilter({}, getpid()),
                              /*all_threads=*/true);
}

absl::Status Sandbox::FenceFilesWhileCreating() const {
  if (support_.landlock == 0) return absl::OkStatus();
  absl::StatusOr<FileFence> fence =
      FileFence::Make(support_.landlock, profile_ != SandboxProfile::kNet,
                      /*no_signals=*/true);
  if (!fence.ok()) return fence.status();
  absl::Status status = fence->Allow("/", FileFence::Access::kRead);
  status.Update(fence->Allow("/dev/null", FileFence::Access::kWrite));
  if (has_data()) {
    status.Update(fence->Allow(data_dir_, FileFence::Access::kWrite));
  }
  status.Update(fence->CloseAroundThisThread());
  return status;
}

absl::Status Sandbox::FenceFiles() const {
  if (support_.landlock == 0) return absl::OkStatus();
  absl::StatusOr<FileFence> fence = FileFence::Make(
      support_.landlock, /*no_tcp=*/false, /*no_signals=*/false);
  if (!fence.ok()) return fence.status();
  // The filter that follows refuses to open anything, to all threads.
  if (profile_ == SandboxProfile::kStrict && support_.seccomp) {
    return fence->CloseAroundThisThread();
  }
  absl::Status status;
  status.Update(fence->Allow("/dev/null", FileFence::Access::kWrite));
  for (const char* path : kForAll) {
    status.Update(fence->Allow(path, FileFence::Access::kRead));
  }
  if (has_data()) {
    status.Update(fence->Allow(data_dir_, FileFence::Access::kWrite));
  }
  if (profile_ == SandboxProfile::kNet) {
    for (const char* path : kForTheNet) {
      status.Update(fence->Allow(path, FileFence::Access::kRead));
    }
  }
  if (!status.ok()) return status;
  return fence->CloseAroundAllThreads();
}

}  // namespace weir
