#ifndef WEIR_HOST_RPC_SUBSCRIPTION_CONVERT_H_
#define WEIR_HOST_RPC_SUBSCRIPTION_CONVERT_H_

#include "absl/status/statusor.h"
#include "host/control/subscriptions.h"
#include "weir/v1/subscription.pb.h"

namespace weir {

void ToProto(const Subscription& subscription, v1::Subscription* out);

// What can be set. Returns InvalidArgument / INVALID_FIELD for what cannot be
// said in our words, a duration out of range.
absl::StatusOr<Subscription> SettingsFromProto(const v1::Subscription& proto);

}  // namespace weir

#endif  // WEIR_HOST_RPC_SUBSCRIPTION_CONVERT_H_
