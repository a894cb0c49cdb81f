#ifndef WEIR_HOST_SINK_DELIVERY_H_
#define WEIR_HOST_SINK_DELIVERY_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "weir/v1/event.pb.h"

namespace weir {

// One road by which events leave the host: says how they are written and
// handed over, and what the other side answers. When, in which order and how
// often is Sink's business.
//
// Events are weir.v1.Event, as any client of the API sees them.
//
// One thread delivers; Interrupt may be called by any.
class Delivery {
 public:
  // What became of one event of a call.
  enum class Outcome : uint8_t {
    kDelivered,  // The other side confirmed it, as far as it does such a thing.
    kFailed,     // Try again later.
    kHeldUp,    // It was not tried, for the sake of another; try again at once.
    kRejected,  // The other side will never take it.
  };
  struct Result {
    std::vector<Outcome> outcomes;  // One for each event, in their order.
    // Of what was delivered, as it was written.
    uint64_t bytes = 0;
    // What is wrong with the kFailed or kRejected ones, for a person; OK if
    // there are none.
    absl::Status error;
    // The next try is no sooner.
    absl::Duration retry_after;
  };

  virtual ~Delivery() = default;

  // How many events it takes at once, at most; at least 1.
  virtual size_t max_events() const = 0;

  // Delivers `events`, at least one, in their order. Blocks until it is known
  // what became of each, or until Interrupt. An event is of the other side
  // before the next begins, or both are with it at once.
  virtual Result Deliver(const std::vector<const v1::Event*>& events) = 0;

  // Makes the running Deliver and every later one return soon, with kFailed for
  // what is not delivered.
  virtual void Interrupt() = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_SINK_DELIVERY_H_
