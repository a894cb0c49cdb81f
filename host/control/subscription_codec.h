#ifndef WEIR_HOST_CONTROL_SUBSCRIPTION_CODEC_H_
#define WEIR_HOST_CONTROL_SUBSCRIPTION_CODEC_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "host/control/subscriptions.h"

namespace weir {

// How a subscription is written down for the time after a restart; what the
// bytes mean is rpc's business, as with EventCodec. Implementations are
// immutable.
class SubscriptionCodec {
 public:
  virtual ~SubscriptionCodec() = default;

  // Writes what was set, and of the rest: name, etag, create_time, update_time,
  // last_ack_time, gap_count and missed_events.
  virtual std::string Write(const Subscription& subscription) const = 0;
  // Reads that back; nullopt if it cannot be read.
  virtual std::optional<Subscription> Read(absl::string_view bytes) const = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_CONTROL_SUBSCRIPTION_CODEC_H_
