#ifndef WEIR_HOST_SINK_NAKADI_DELIVERY_H_
#define WEIR_HOST_SINK_NAKADI_DELIVERY_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "host/sink/delivery.h"
#include "lib/nakadi/clock.h"
#include "lib/nakadi/options.h"
#include "lib/nakadi/publisher.h"
#include "weir/v1/event.pb.h"

namespace weir {

struct NakadiDeliveryOptions {
  nakadi::ClientOptions client;
  std::string event_type;
  uint32_t batch_limit = 100;  // Events per request; at least 1.
};

// Publishes events to one event type of a Nakadi server, whose category is
// "business" or "undefined". An event is what EventToJson says, and metadata
// with an eid, which is EventUuid, and the time it occurred at: its event time,
// or else when it was appended.
//
//   answer                outcome
//   200                   all are delivered
//   207                   as the server says of each; what the storage failed
//                         for is tried again, which puts it behind what came
//                         after it
//   422 with items        nothing is stored: the refused ones are rejected,
//                         the others held up
//   400, 413, 422         the request is halved until it is stored or is one
//                         event, which is rejected
//   all others, none      all have failed; 403 and 404 too, since somebody may
//                         mend them: Nakadi's operators can
class NakadiDelivery final : public Delivery {
 public:
  explicit NakadiDelivery(const NakadiDeliveryOptions& options);

  size_t max_events() const override { return batch_limit_; }
  Result Deliver(const std::vector<const v1::Event*>& events) override;
  void Interrupt() override { publisher_.Interrupt(); }

 private:
  // Delivers bodies[begin, end) and writes what became of them into `result`.
  void Publish(const std::vector<std::string>& bodies, size_t begin, size_t end,
               Result* result);

  const size_t batch_limit_;
  // The real one: libcurl waits in no other.
  const nakadi::SteadyClock clock_;
  nakadi::Publisher publisher_;
};

// Returns what is published of `event`.
std::string NakadiEvent(const v1::Event& event);

}  // namespace weir

#endif  // WEIR_HOST_SINK_NAKADI_DELIVERY_H_
