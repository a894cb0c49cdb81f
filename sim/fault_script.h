#ifndef WEIR_SIM_FAULT_SCRIPT_H_
#define WEIR_SIM_FAULT_SCRIPT_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "sim/fault.h"
#include "sim/mutex.h"

namespace weir::sim {

// The faults of a run. Each happens once, to whichever connection first gets to
// its place: one in place of a stream to the first request of a client that has
// had so many messages, or more; the others to the stream there. Those of the
// same place happen in the order in which they were given.
//
// Thread-safe.
class FaultScript {
 public:
  explicit FaultScript(const std::vector<ScriptedFault>& faults);

  // Takes the next fault for the request of a client that has had `position`
  // messages.
  std::optional<Fault> TakeForRequest(uint64_t position)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Takes the next fault for a stream after its `position`th message.
  std::optional<Fault> TakeForStream(uint64_t position)
      ABSL_LOCKS_EXCLUDED(mu_);

  // How many messages a stream at `position` may go on for until it has to ask
  // again: 1 or more.
  uint64_t MessagesToNext(uint64_t position) const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  std::optional<Fault> Take(uint64_t position, bool of_request)
      ABSL_LOCKS_EXCLUDED(mu_);

  mutable Mutex mu_;
  std::vector<ScriptedFault> waiting_ ABSL_GUARDED_BY(mu_);  // By place.
};

}  // namespace weir::sim

#endif  // WEIR_SIM_FAULT_SCRIPT_H_
