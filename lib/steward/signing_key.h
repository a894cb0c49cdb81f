#ifndef WEIR_LIB_STEWARD_SIGNING_KEY_H_
#define WEIR_LIB_STEWARD_SIGNING_KEY_H_

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/steward/message.h"

namespace weir::steward {

// The ed25519 key of a node, by which it signs the arguments of methods. What a
// signature says, and does not say, is CheckSignature. A value.
class SigningKey {
 public:
  // Reads what nodes keep in signing/private.key: base64, with padding or
  // without, of 64 bytes, of which the latter half is the public key.
  //
  // Returns InvalidArgument with what is wrong, and never any of the text.
  static absl::StatusOr<SigningKey> Read(absl::string_view text);

  // The 64 bytes of the signature for `message.arg_signature`.
  std::string Sign(const Message& message) const;

  // 32 bytes.
  const std::string& public_key() const { return public_key_; }

 private:
  SigningKey(std::string seed, std::string public_key)
      : seed_(std::move(seed)), public_key_(std::move(public_key)) {}

  std::string seed_;
  std::string public_key_;
};

}  // namespace weir::steward

#endif  // WEIR_LIB_STEWARD_SIGNING_KEY_H_
