#ifndef WEIR_HOST_SINK_STEWARD_DELIVERY_H_
#define WEIR_HOST_SINK_STEWARD_DELIVERY_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "host/control/steward_outbox.h"
#include "host/sink/delivery.h"
#include "lib/steward/message.h"
#include "weir/v1/event.pb.h"

namespace weir {

struct StewardDeliveryOptions {
  std::string source;  // Of the outbox, "sources/central".
  // In these, but for the method, "{type}", "{subject}", "{severity}",
  // "{source}" and "{id}" are replaced.
  std::string to_node, method;
  std::vector<std::string> method_args;
  std::string directory, file_name;
  int64_t ack_timeout = 10;  // Seconds.
  int64_t retries = 3;
};

// Hands each event to an outbox, as a message to a node of a steward or ctrl
// network: its data are what EventToJson says, and the end of a line.
//
//   what the outbox says        outcome
//   it is on disk               delivered; what becomes of it is the outbox's
//   wrong field, too long       rejected
//   full, no disk, stopping     failed
//
// What the outbox says itself, "weir.steward.given_up", is passed over, as
// delivered: it would be given up as well, and so on.
class StewardDelivery final : public Delivery {
 public:
  // `outbox` must outlive it.
  StewardDelivery(StewardDeliveryOptions options, StewardOutbox& outbox);

  size_t max_events() const override { return 256; }
  Result Deliver(const std::vector<const v1::Event*>& events) override;
  void Interrupt() override { interrupted_.store(true); }

 private:
  steward::Message MessageOf(const v1::Event& event, std::string json) const;

  const StewardDeliveryOptions options_;
  StewardOutbox& outbox_;
  std::atomic<bool> interrupted_{false};
};

}  // namespace weir

#endif  // WEIR_HOST_SINK_STEWARD_DELIVERY_H_
