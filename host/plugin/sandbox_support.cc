#include "host/plugin/sandbox_support.h"

#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

#include "absl/strings/str_cat.h"

namespace weir {
namespace {

#ifdef WEIR_SANITIZER
constexpr bool kSanitizer = true;
#else
constexpr bool kSanitizer = false;
#endif

}  // namespace

SandboxSupport FindSandboxSupport() {
  if (kSanitizer) return {};
  SandboxSupport support;
  const uint32_t refuse = SECCOMP_RET_ERRNO;
  support.seccomp =
      syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &refuse) == 0;
  const long version = syscall(SYS_landlock_create_ruleset, nullptr, 0,
                               LANDLOCK_CREATE_RULESET_VERSION);
  support.landlock = version > 0 ? static_cast<int>(version) : 0;
  return support;
}

std::vector<std::string> SandboxFeatures(const SandboxSupport& support) {
  std::vector<std::string> features;
  if (support.seccomp) features.emplace_back("sandbox.seccomp");
  if (support.landlock > 0) {
    features.push_back(absl::StrCat("sandbox.landlock.", support.landlock));
  }
  return features;
}

std::string WhatSandboxLacks(const SandboxSupport& support) {
  if (kSanitizer) {
    return "no sandbox for plugins in a build with a sanitizer: they may do "
           "what the host's user may";
  }
  if (!support.seccomp && support.landlock == 0) {
    return "no sandbox for plugins: they may do what the host's user may, "
           "since this kernel has neither seccomp filters nor Landlock";
  }
  if (!support.seccomp) {
    return "sandbox: no seccomp filters in this kernel: plugins may use "
           "sockets and start processes; they still open only the files of "
           "their profile";
  }
  if (support.landlock == 0) {
    return "sandbox: no Landlock in this kernel: plugins with profile `files` "
           "or `net` may open every file of the host's user, and all others "
           "while they are created; boot with lsm=landlock,... or a kernel of "
           "5.13 or later";
  }
  return "";
}

}  // namespace weir
