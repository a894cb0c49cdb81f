#ifndef WEIR_HOST_SINK_JETSTREAM_DELIVERY_H_
#define WEIR_HOST_SINK_JETSTREAM_DELIVERY_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "host/nats/nats_link.h"
#include "host/nats/nats_options.h"
#include "host/sink/delivery.h"
#include "host/sink/nats_item.h"
#include "host/sync/mutex.h"
#include "weir/v1/event.pb.h"

namespace weir {

struct JetStreamDeliveryOptions {
  NatsServerOptions server;
  NatsSubject subject;
  // How long the next answer of the stream may take.
  absl::Duration answer_timeout = absl::Seconds(5);
};

// Publishes events to subjects that a stream of JetStream keeps, all of a call
// at once and in their order, and waits for what the stream says of each. The
// header Nats-Msg-Id is the event's ID, so what is published again within the
// stream's duplicate window is stored once.
//
//   what happened                        outcome
//   stored, or stored before             delivered
//   too long for the server or stream    rejected
//   no subject                           rejected
//   no stream keeps the subject, or      failed, since somebody may make one
//   JetStream is off
//   the stream refuses: it is full ...   failed, the same
//   the server does not permit it        failed, the same
//   no answer in time, no connection     failed; the next call connects anew
//
// What comes behind an event that failed may be stored before it.
class JetStreamDelivery final : public Delivery, private NatsLink::Listener {
 public:
  explicit JetStreamDelivery(JetStreamDeliveryOptions options);
  ~JetStreamDelivery() override;

  size_t max_events() const override { return 256; }
  Result Deliver(const std::vector<const v1::Event*>& events) override
      ABSL_LOCKS_EXCLUDED(mu_);
  void Interrupt() override ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // What came for a message.
  struct Answer {
    bool came = false;
    bool no_responders = false;
    std::string json;
  };
  // A message under way, and whose it is.
  struct UnderWay {
    NatsItem item;
    size_t place;  // In the events of the call.
  };

  absl::Status KeepConnected() ABSL_LOCKS_EXCLUDED(mu_);
  // Publishes them and waits for their answers, as long as there are any.
  // Returns them, and why there are not all.
  absl::Status Exchange(const std::vector<UnderWay>& messages,
                        std::vector<Answer>* answers) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Await() ABSL_LOCKS_EXCLUDED(mu_);
  // What an answer says, OK if the stream has the message.
  absl::Status Judge(const NatsItem& item, const Answer& answer) const;

  void OnMessage(natsMsg* message) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnEnd(const absl::Status& why) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnForbidden(const std::string& subject) override
      ABSL_LOCKS_EXCLUDED(mu_);

  const JetStreamDeliveryOptions options_;
  std::atomic<bool> interrupted_{false};
  bool connected_ = false;
  std::string inbox_;  // With the dot; new with each connection.

  Mutex mu_;
  CondVar changed_;
  absl::Status end_ ABSL_GUARDED_BY(mu_);
  // The number of the call's first message; it is in the reply subject.
  uint64_t first_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<Answer> answers_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> subjects_ ABSL_GUARDED_BY(mu_);  // Theirs.
  size_t open_ ABSL_GUARDED_BY(mu_) = 0;
  // Where the server does not permit to publish.
  std::set<std::string> forbidden_ ABSL_GUARDED_BY(mu_);
  NatsLink link_;  // Last: it calls what is above.
};

}  // namespace weir

#endif  // WEIR_HOST_SINK_JETSTREAM_DELIVERY_H_
