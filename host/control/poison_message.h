#ifndef WEIR_HOST_CONTROL_POISON_MESSAGE_H_
#define WEIR_HOST_CONTROL_POISON_MESSAGE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "host/pipeline/message_copy.h"

namespace weir {

// A message that was in the hands of a plugin when its instance died;
// weir.v1.PoisonMessage in our own words. A value.
struct PoisonMessage {
  uint64_t number = 0;  // Counts over all plugins, and is never used again.
  std::string plugin;   // "plugins/counts"
  std::string plugin_sha256;
  uint64_t generation = 0;
  std::string source;  // "sources/ris-live"
  std::string type;    // "UPDATE"
  absl::Time first_time, last_time;
  uint32_t count = 1;       // Deaths of this code with this fingerprint.
  std::string fingerprint;  // See PoisonFingerprint.
  std::string cause;        // "SIGSEGV", "hard deadline"
  std::vector<std::string> frames;  // Innermost first.
  // Of the newest of these deaths. Its numbers of type and source mean nothing
  // after a restart of the host; the names above do. Without its bytes in
  // lists.
  MessageCopy message;
};

}  // namespace weir

#endif  // WEIR_HOST_CONTROL_POISON_MESSAGE_H_
