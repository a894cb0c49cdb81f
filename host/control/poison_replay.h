#ifndef WEIR_HOST_CONTROL_POISON_REPLAY_H_
#define WEIR_HOST_CONTROL_POISON_REPLAY_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace weir {

// Which poison message is to be tried once more, and on what. A value.
struct PoisonReplay {
  std::string plugin;  // "plugins/counts"
  uint64_t number = 0;
  std::string module;  // "counts_fixed.so"; empty: the code the slot has.
  absl::Duration deadline = absl::Seconds(10);
};

}  // namespace weir

#endif  // WEIR_HOST_CONTROL_POISON_REPLAY_H_
