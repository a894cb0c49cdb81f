#ifndef WEIR_HOST_CONTROL_TRIAL_RESULT_H_
#define WEIR_HOST_CONTROL_TRIAL_RESULT_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "host/pipeline/event.h"

namespace weir {

// What became of one message that was given to a fresh instance. A value.
struct TrialResult {
  enum class Outcome {  // The numbers of ReplayPoisonMessageResponse.Outcome.
    kOk = 1,
    kError = 2,     // The handler returned an error, or threw.
    kCrashed = 3,   // Also when it was created or destroyed; `detail` says so.
    kTimedOut = 4,  // Likewise.
  };

  Outcome outcome = Outcome::kOk;
  std::string detail;  // For people; empty if there is nothing to say.
  std::vector<std::string> frames;  // Of a crash, or of where it hung.
  absl::Duration handle_time;       // From hand-over to answer.
  std::vector<Event> events;        // What it emitted, all along.
};

}  // namespace weir

#endif  // WEIR_HOST_CONTROL_TRIAL_RESULT_H_
