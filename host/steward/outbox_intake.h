#ifndef WEIR_HOST_STEWARD_OUTBOX_INTAKE_H_
#define WEIR_HOST_STEWARD_OUTBOX_INTAKE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/steward/compression.h"
#include "lib/steward/message.h"
#include "lib/steward/profile.h"
#include "lib/steward/signing_key.h"

namespace weir {

// As whom a node sends, and how.
struct StewardIdentity {
  std::string node;
  steward::Profile profile = steward::Profile::kS1;
  steward::Compression compression = steward::Compression::kZstd;
  std::optional<steward::SigningKey> key;
};

// `messages` as the node sends them, but for their IDs: one for each addressee,
// with the sender, the signature and the defaults (FillDefaults) filled in.
//
// In S0, one that names `relay_via_node` becomes what that node relays: T and V
// being `to_node` and `relay_via_node`, REQRelay to the node "T.V", which V
// listens for. The originals come to the same, by a message to themselves.
//
// Returns InvalidArgument / INVALID_FIELD with {index, field}: no `to_node` or
// `method`; one of them that makes no subject of NATS (a blank, a control
// character, `*` or `>`, nothing between two dots), or of more than
// kMaxNatsSubjectBytes; a schedule that is none; text that is not UTF-8; or a
// field that the profile does not have, which the receiver would never see.
absl::StatusOr<std::vector<steward::Message>> PrepareMessages(
    const StewardIdentity& identity, std::vector<steward::Message> messages);

// An errorLog of the node, as the originals send it to their central node.
steward::Message MakeErrorLog(const StewardIdentity& identity,
                              const std::string& error_node,
                              absl::string_view text, absl::Time now);

// The hello of the node to `central_node`, as the originals say it: that it is
// there, and its public key, or in S0 a text. Without a key it says none.
steward::Message MakeHello(const StewardIdentity& identity,
                           const std::string& central_node,
                           absl::string_view public_key);

// Whether `message` is an errorLog.
bool IsErrorLog(const steward::Message& message);

}  // namespace weir

#endif  // WEIR_HOST_STEWARD_OUTBOX_INTAKE_H_
