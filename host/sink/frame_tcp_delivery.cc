#include "host/sink/frame_tcp_delivery.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "host/log/log.h"
#include "host/sink/event_json.h"
#include "lib/frames/frame_header.h"

namespace weir {

namespace {

frames::BatchWriterOptions WithLog(FrameTcpDeliveryOptions options) {
  options.writer.log = [name = options.name](absl::string_view line) {
    LogWarning(name, line);
  };
  return std::move(options.writer);
}

}  // namespace

FrameTcpDelivery::FrameTcpDelivery(FrameTcpDeliveryOptions options)
    : binary_(options.binary),
      max_message_size_(frames::OrDefault(options.writer.max_message_size)),
      writer_(WithLog(std::move(options))) {}

Delivery::Result FrameTcpDelivery::Deliver(
    const std::vector<const v1::Event*>& events) {
  Result result;
  result.outcomes.assign(events.size(), Outcome::kHeldUp);
  std::vector<std::string> frames;
  for (const v1::Event* event : events) {
    std::string frame =
        binary_ ? event->SerializeAsString() : EventToJson(*event);
    if (frame.size() > max_message_size_) {
      // One at a time, so that its reason is its own.
      if (!frames.empty()) break;
      result.outcomes[0] = Outcome::kRejected;
      result.error = absl::InvalidArgumentError(absl::StrCat(
          frame.size(), " bytes ", binary_ ? "serialized" : "as JSON",
          " are more than frame_tcp.max_message_size, ", max_message_size_,
          "; raise it here and at the peer"));
      return result;
    }
    frames.push_back(std::move(frame));
  }
  const frames::BatchWriter::Result written = writer_.Write(frames);
  result.error = written.error;
  for (size_t i = 0; i < frames.size(); ++i) {
    const bool arrived = i < written.arrived;
    result.outcomes[i] = arrived ? Outcome::kDelivered : Outcome::kFailed;
    if (arrived) result.bytes += frames[i].size();
  }
  if (written.error.ok()) {
    max_events_ = std::min(2 * max_events_, kMostEvents);
  } else if (written.connected) {
    max_events_ = std::max<size_t>(frames.size() / 2, 1);
  }
  return result;
}

}  // namespace weir
