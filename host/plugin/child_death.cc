#include "host/plugin/child_death.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace weir {
namespace {

std::string SignalName(int signal) {
  const char* const name = sigabbrev_np(signal);
  return name != nullptr ? absl::StrCat("SIG", name)
                         : absl::StrCat("signal ", signal);
}

// A copy, since the child's memory may change while we look.
std::string DescribeFrame(const ChildCrash::Frame& shared) {
  ChildCrash::Frame frame = {};
  std::memcpy(&frame, &shared, sizeof(frame));
  absl::string_view module(frame.module,
                           strnlen(frame.module, sizeof(frame.module)));
  if (const size_t slash = module.rfind('/');
      slash != absl::string_view::npos) {
    module.remove_prefix(slash + 1);
  }
  std::string text = module.empty() ? "?" : std::string(module);
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c < 0x20 || c > 0x7e; },
      '?');
  return absl::StrCat(text, "+0x", absl::Hex(frame.offset));
}

}  // namespace

ChildDeath DescribeDeath(int wait_status, absl::string_view kill_cause,
                         const ChildCrash& crash) {
  ChildDeath death;
  if (WIFSIGNALED(wait_status)) {
    death.signal = WTERMSIG(wait_status);
    death.cause = SignalName(death.signal);
  } else {
    death.exit_status = WEXITSTATUS(wait_status);
    death.cause = absl::StrCat("exit status ", death.exit_status);
  }
  if (!kill_cause.empty() &&
      (death.signal == SIGABRT || death.signal == SIGKILL)) {
    death.cause = std::string(kill_cause);
  }
  const uint32_t state = crash.state.load(std::memory_order_acquire);
  if (state == 0 || death.signal == 0) return death;
  death.address = crash.address;
  if (state != 2) return death;
  const uint32_t n = std::min(crash.n_frames, ChildCrash::kMaxFrames);
  for (uint32_t i = 0; i < n; ++i) {
    death.frames.push_back(DescribeFrame(crash.frames[i]));
  }
  return death;
}

}  // namespace weir
