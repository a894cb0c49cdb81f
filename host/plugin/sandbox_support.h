#ifndef WEIR_HOST_PLUGIN_SANDBOX_SUPPORT_H_
#define WEIR_HOST_PLUGIN_SANDBOX_SUPPORT_H_

#include <string>
#include <vector>

namespace weir {

// What there is to fence in the process of a plugin. A value.
struct SandboxSupport {
  bool seccomp = false;  // Filters of system calls.
  int landlock = 0;      // The version of Landlock's interface; 0: none.
};

// Asks the kernel. A build with a sanitizer has neither: its runtime opens
// files and looks at other threads when it has something to report.
SandboxSupport FindSandboxSupport();

// In short, for programs: {"sandbox.seccomp", "sandbox.landlock.7"}.
std::vector<std::string> SandboxFeatures(const SandboxSupport& support);

// What a plugin can do because something is missing, and the cure, for people.
// Empty if nothing is.
std::string WhatSandboxLacks(const SandboxSupport& support);

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_SANDBOX_SUPPORT_H_
