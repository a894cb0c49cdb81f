#ifndef WEIR_LIB_STEWARD_SCHEDULE_H_
#define WEIR_LIB_STEWARD_SCHEDULE_H_

#include "absl/status/status.h"
#include "lib/steward/message.h"

namespace weir::steward {

// Whether the schedule of a message can be one: none, or every 1 s or more, for
// 0 s or more in all. The original programs die of others.
//
// Returns InvalidArgument, with Refusal::kSchedule, the sender and what it
// sent.
absl::Status CheckSchedule(const Message& message);

}  // namespace weir::steward

#endif  // WEIR_LIB_STEWARD_SCHEDULE_H_
