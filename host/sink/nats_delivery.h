#ifndef WEIR_HOST_SINK_NATS_DELIVERY_H_
#define WEIR_HOST_SINK_NATS_DELIVERY_H_

#include <atomic>
#include <cstddef>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "host/nats/nats_link.h"
#include "host/nats/nats_options.h"
#include "host/sink/delivery.h"
#include "host/sink/nats_item.h"
#include "host/sync/mutex.h"
#include "weir/v1/event.pb.h"

namespace weir {

struct NatsDeliveryOptions {
  NatsServerOptions server;
  NatsSubject subject;
};

// Publishes events to subjects of core NATS. An event is what EventToJson says,
// with the header Nats-Msg-Id, by which a stream that keeps the subject knows
// what comes twice: the event's ID.
//
//   what happened              outcome
//   the server has read it     delivered; who subscribes is not asked
//   too long for the server    rejected
//   no subject: a blank in     rejected
//   it, or an empty part
//   the server does not        failed, since somebody may permit it. What went
//   permit the subject         out with it is delivered once more
//   no connection, or it       failed; the next call connects
//   ended
class NatsDelivery final : public Delivery, private NatsLink::Listener {
 public:
  explicit NatsDelivery(NatsDeliveryOptions options);
  ~NatsDelivery() override;

  size_t max_events() const override { return 256; }
  Result Deliver(const std::vector<const v1::Event*>& events) override
      ABSL_LOCKS_EXCLUDED(mu_);
  void Interrupt() override { interrupted_.store(true); }

 private:
  absl::Status KeepConnected() ABSL_LOCKS_EXCLUDED(mu_);
  // Publishes items [begin, end), and waits until the server has them. OK means
  // that it has; else nothing is known of any.
  absl::Status Publish(const std::vector<NatsItem>& items, size_t begin,
                       size_t end) ABSL_LOCKS_EXCLUDED(mu_);

  void OnMessage(natsMsg*) override {}
  void OnEnd(const absl::Status& why) override ABSL_LOCKS_EXCLUDED(mu_);
  // Found by LastForbidden, which is not late.
  void OnForbidden(const std::string&) override {}

  const NatsDeliveryOptions options_;
  std::atomic<bool> interrupted_{false};
  Mutex mu_;
  absl::Status end_ ABSL_GUARDED_BY(mu_);
  bool connected_ = false;
  NatsLink link_;
};

}  // namespace weir

#endif  // WEIR_HOST_SINK_NATS_DELIVERY_H_
