#ifndef WEIR_HOST_RPC_PROTO_SUBSCRIPTION_CODEC_H_
#define WEIR_HOST_RPC_PROTO_SUBSCRIPTION_CODEC_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "host/control/subscription_codec.h"
#include "host/control/subscriptions.h"

namespace weir {

// Writes subscriptions as weir.v1.Subscription. Immutable.
class ProtoSubscriptionCodec final : public SubscriptionCodec {
 public:
  std::string Write(const Subscription& subscription) const override;
  std::optional<Subscription> Read(absl::string_view bytes) const override;
};

}  // namespace weir

#endif  // WEIR_HOST_RPC_PROTO_SUBSCRIPTION_CODEC_H_
