#ifndef WEIR_HOST_RPC_STEWARD_CONVERT_H_
#define WEIR_HOST_RPC_STEWARD_CONVERT_H_

#include "absl/strings/string_view.h"
#include "host/control/steward_node.h"
#include "host/control/steward_undelivered.h"
#include "lib/steward/message.h"
#include "weir/v1/steward.pb.h"

namespace weir {

// What an empty list or text of `proto` says is absent, as far as that makes a
// difference.
steward::Message FromProto(const v1::StewardMessage& proto);

// `s0`: its data are texts.
void ToProto(const steward::Message& message, bool s0,
             v1::StewardMessage* proto);

void ToProto(const UndeliveredMessage& message, bool s0,
             v1::UndeliveredMessage* proto);

// `source` is its full name.
void ToProto(const StewardProcessStatus& process, absl::string_view source,
             v1::StewardProcessStatus* proto);

}  // namespace weir

#endif  // WEIR_HOST_RPC_STEWARD_CONVERT_H_
