#ifndef WEIR_HOST_CONTROL_STEWARD_UNDELIVERED_H_
#define WEIR_HOST_CONTROL_STEWARD_UNDELIVERED_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/steward/message.h"

namespace weir {

// A message that was given up. A value.
struct UndeliveredMessage {
  uint64_t number = 0;  // Unique in its outbox, for ever.
  absl::Time given_up;
  std::string reason;  // For a person.
  std::string subject;
  steward::Message message;
};

// What the outboxes of all sources have given up. `source` is
// "sources/central". Thread-safe; waits for the disk.
//
// All return NotFound / SOURCE_NOT_FOUND if no source of that name sends, and
// FailedPrecondition / OUTBOX_UNAVAILABLE with the reason if the disk fails.
class StewardUndelivered {
 public:
  virtual ~StewardUndelivered() = default;

  // Those with a number above `after`, by their numbers, `limit` at most.
  virtual absl::StatusOr<std::vector<UndeliveredMessage>> ListUndelivered(
      absl::string_view source, uint64_t after, size_t limit) = 0;

  // Sends them again, all or none, in this order, behind what waits; they get
  // new numbers and keep the IDs that receivers see.
  //
  // Returns NotFound / UNDELIVERED_NOT_FOUND with the first that is not there.
  virtual absl::Status Resend(absl::string_view source,
                              const std::vector<uint64_t>& numbers) = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_CONTROL_STEWARD_UNDELIVERED_H_
