#ifndef WEIR_HOST_PLUGIN_CHILD_DEATH_H_
#define WEIR_HOST_PLUGIN_CHILD_DEATH_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "host/pipeline/message_copy.h"
#include "host/plugin/child_channel.h"

namespace weir {

// How a child ended that should not have. A value.
struct ChildDeath {
  // "SIGSEGV", "exit status 3"; or why the host killed it: "hard deadline",
  // "corrupt words".
  std::string cause;
  bool gave_up = false;  // It was ended, after too many errors.
  int signal = 0;        // 0: it exited.
  int exit_status = 0;   // If it did.
  uint64_t address = 0;  // Of the fault, if there was one.
  // Where it was, innermost first: "origin_watch.so+0x1f3a". Empty if it could
  // not tell, as after SIGKILL. What the plugin wrote there itself is no proof
  // of anything.
  std::vector<std::string> frames;
  // The message that was in its hands, if there was one.
  std::optional<MessageCopy> message;
};

// Reads how a child ended from what waitpid said of it, and from its own
// report, of which nothing is believed. `kill_cause` is why the host killed it;
// empty if it did not. A child that died of something else first, died of that.
ChildDeath DescribeDeath(int wait_status, absl::string_view kill_cause,
                         const ChildCrash& crash);

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_CHILD_DEATH_H_
