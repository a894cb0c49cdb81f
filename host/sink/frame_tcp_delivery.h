#ifndef WEIR_HOST_SINK_FRAME_TCP_DELIVERY_H_
#define WEIR_HOST_SINK_FRAME_TCP_DELIVERY_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "host/sink/delivery.h"
#include "lib/frames/batch_writer.h"
#include "weir/v1/event.pb.h"

namespace weir {

struct FrameTcpDeliveryOptions {
  std::string name;                   // Of the sink, for the log.
  frames::BatchWriterOptions writer;  // Its log is not looked at.
  // Whether a frame holds the serialized weir.v1.Event; else EventToJson.
  bool binary = false;
};

// Sends events as length-prefixed frames over one TCP connection, each event a
// frame; connects when there is something to send.
//
//   what happens                          outcome
//   the peer's kernel has acknowledged    delivered; see BatchWriter
//   no connection, or it ended before     all of the call have failed
//   an event is longer than a frame       rejected; those before it go first,
//                                         those behind it are held up, and
//                                         tried at once
//   Interrupt                             delivered what was acknowledged, the
//                                         others have failed
//
// After a connection that ended the next call is of half as many events, down
// to one, and after one that went through of twice as many, up to kMostEvents:
// so a peer that dies of an event gets those before it.
class FrameTcpDelivery final : public Delivery {
 public:
  static constexpr size_t kMostEvents = 1000;

  explicit FrameTcpDelivery(FrameTcpDeliveryOptions options);

  size_t max_events() const override { return max_events_; }
  Result Deliver(const std::vector<const v1::Event*>& events) override;
  void Interrupt() override { writer_.Interrupt(); }

 private:
  const bool binary_;
  const uint64_t max_message_size_;
  frames::BatchWriter writer_;
  size_t max_events_ = kMostEvents;
};

}  // namespace weir

#endif  // WEIR_HOST_SINK_FRAME_TCP_DELIVERY_H_
