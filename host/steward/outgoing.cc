#include "host/steward/outgoing.h"

#include <algorithm>

#include "absl/strings/string_view.h"
#include "lib/steward/subject.h"

namespace weir {
namespace {

// The defaults of the original programs.
constexpr int64_t kDefaultSeconds = 10;
constexpr int64_t kDefaultRetries = 1;

constexpr int64_t kMaxSeconds = 24 * 60 * 60;
constexpr int64_t kMaxRetries = 1'000'000;

// "NATS/1.0\r\n" and the empty line at the end.
constexpr size_t kHeaderFrame = 12;
// ": " and the end of the line.
constexpr size_t kHeaderLine = 4;

absl::Duration Wait(int64_t seconds) {
  return absl::Seconds(std::clamp<int64_t>(seconds, 0, kMaxSeconds));
}

}  // namespace

Outgoing MakeOutgoing(const steward::Message& message, steward::Profile profile,
                      steward::Compression compression) {
  Outgoing out;
  out.subject = SubjectOf(profile, message.to_node, message.method);
  out.payload = EncodePayload(message, profile, compression);
  out.acknowledged = WantsAcknowledgement(message, LayoutOf(profile));
  out.ack_timeout = Wait(message.ack_timeout);
  const int64_t retries = std::clamp<int64_t>(message.retries, 0, kMaxRetries);
  if (profile == steward::Profile::kS0) {
    out.transmissions = std::max<int64_t>(1, retries);
  } else {
    out.transmissions = retries + 1;
    out.retry_wait = Wait(message.retry_wait);
  }
  return out;
}

void FillDefaults(steward::Profile profile, steward::Message* message) {
  if (profile == steward::Profile::kS0) {
    if (message->ack_timeout < 1) message->ack_timeout = kDefaultSeconds;
    if (message->retries < 1) message->retries = kDefaultRetries;
    if (message->method_timeout < 1) message->method_timeout = kDefaultSeconds;
    return;
  }
  if (message->retries < 0) message->retries = kDefaultRetries;
  if (message->method_timeout < 1 && message->method_timeout != -1) {
    message->method_timeout = kDefaultSeconds;
  }
}

size_t WireSize(const steward::Payload& payload) {
  size_t size = payload.bytes.size() + kHeaderFrame;
  for (const auto& [name, value] : payload.headers) {
    size += name.size() + value.size() + kHeaderLine;
  }
  return size;
}

}  // namespace weir
