#ifndef WEIR_HOST_PIPELINE_EVENT_SINK_H_
#define WEIR_HOST_PIPELINE_EVENT_SINK_H_

#include "absl/status/status.h"
#include "host/pipeline/event.h"

namespace weir {

// The seam between those who find something and those who keep it: plugins and
// the rooms of the host put events in, the broker takes them.
//
// Implementations are thread-safe and never block for long.
class EventSink {
 public:
  virtual ~EventSink() = default;

  // Appends `event` to the log.
  //
  // Returns InvalidArgument for an event that breaks a bound of weir.v1.Event
  // (EVENT_INVALID; the message names the field, its value and the bound),
  // ResourceExhausted for one that is too large serialized (EVENT_TOO_LARGE),
  // and FailedPrecondition after the log was closed.
  virtual absl::Status Publish(Event event) = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_PIPELINE_EVENT_SINK_H_
