#ifndef WEIR_HOST_CONTROL_EVENT_PUBLISHER_H_
#define WEIR_HOST_CONTROL_EVENT_PUBLISHER_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "host/pipeline/event.h"

namespace weir {

// When an event that was appended counts as appended; weir.v1.PublishRequest.
enum class Durability {
  kAccepted,   // In memory.
  kJournaled,  // Committed to the journal.
};

// The log as those see it who put events in from outside. Thread-safe.
class EventPublisher {
 public:
  // The IDs of the events, in their order.
  using Done =
      std::function<void(const absl::StatusOr<std::vector<std::string>>&)>;

  virtual ~EventPublisher() = default;

  // Appends `events`, all or none, in this order and next to each other, and
  // calls `done` once they are as durable as was asked for: before it returns
  // or later, from another thread. Readers see all at once; after a restart,
  // however the host ended, there are all or none.
  //
  // Gives InvalidArgument / EVENT_INVALID {index, field} for the first event
  // that breaks a bound of weir.v1.Event, ResourceExhausted / EVENT_TOO_LARGE
  // {index, size, limit} for one that is too large serialized, Unavailable /
  // JOURNAL_UNAVAILABLE {detail} for kJournaled without a journal that works -
  // with {first_id, last_id} as well if it failed when they were in the log, in
  // which they stay -
  // and Unavailable / SERVER_DRAINING once the log is closed.
  virtual void Append(std::vector<Event> events, Durability durability,
                      const Done& done) = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_CONTROL_EVENT_PUBLISHER_H_
