#include "lib/steward/schedule.h"

#include <cstdint>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/steward/refusal.h"

namespace weir::steward {

absl::Status CheckSchedule(const Message& message) {
  if (!message.schedule.has_value() || message.schedule->empty()) {
    return absl::OkStatus();
  }
  const std::vector<int64_t>& schedule = *message.schedule;
  if (schedule.size() == 2 && schedule[0] >= 1 && schedule[1] >= 0) {
    return absl::OkStatus();
  }
  return Refuse(absl::InvalidArgumentError(absl::StrCat(
                    "node \"", message.from_node, "\" sends the schedule [",
                    absl::StrJoin(schedule, ", "),
                    "]; it is [interval, total] in seconds, with an interval "
                    "of 1 or more")),
                Refusal::kSchedule);
}

}  // namespace weir::steward
