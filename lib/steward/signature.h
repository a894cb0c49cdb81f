#ifndef WEIR_LIB_STEWARD_SIGNATURE_H_
#define WEIR_LIB_STEWARD_SIGNATURE_H_

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/steward/message.h"

namespace weir::steward {

// The ed25519 public keys of nodes, 32 bytes each, by the node's name.
using PublicKeys = std::map<std::string, std::string, std::less<>>;

// Reads what nodes keep in publickeys.txt: {"Keys":{"node1":"BASE64"},...}.
//
// Returns InvalidArgument with what is wrong and, if it is a key, whose.
absl::StatusOr<PublicKeys> ReadPublicKeys(absl::string_view json);

// Whether the sender that `message` names has signed its arguments, joined by a
// blank. Nothing else of a message is signed: its data, its method and its
// addressee may be anybody's, an old message may be sent again, and the
// arguments `a b`, `c` and `a`, `b c` have the same signature.
//
// Returns PermissionDenied with the node and what is wrong: no such key, no
// signature, a wrong one.
absl::Status CheckSignature(const Message& message, const PublicKeys& keys);

}  // namespace weir::steward

#endif  // WEIR_LIB_STEWARD_SIGNATURE_H_
