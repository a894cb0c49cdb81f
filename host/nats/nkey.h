#ifndef WEIR_HOST_NATS_NKEY_H_
#define WEIR_HOST_NATS_NKEY_H_

#include <openssl/evp.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace weir {

// The key of a user of NATS: an ed25519 key whose seed is a text, "SU...", and
// whose public half is one, "U...", which the server's configuration names. Who
// connects signs what the server gives it; the seed leaves nobody's machine.
//
// A seed is base32 without padding of
//
//   2 bytes   the kinds: 18 for a seed, and whose, 20 for a user's
//   32 bytes  the ed25519 seed
//   2 bytes   CRC-16 of those before it, low byte first
//
// and a public key the same with 1 byte for the kind. What is read of the seed
// is overwritten; OpenSSL does so with what it keeps.
class Nkey {
 public:
  // Returns InvalidArgument, saying what is wrong and what helps, and never
  // what the seed is.
  static absl::StatusOr<Nkey> FromSeed(absl::string_view seed);

  // From a file with the seed in a line of its own; all other lines, such as
  // those that `nsc` writes around it, are passed over.
  //
  // Returns NotFound or PermissionDenied if it cannot be read, InvalidArgument
  // if it holds no such seed; the message does not name the file.
  static absl::StatusOr<Nkey> FromFile(const std::string& path);

  // "U..."
  const std::string& public_key() const { return public_key_; }

  // The signature of `text`, 64 bytes; empty if OpenSSL cannot.
  std::string Sign(absl::string_view text) const;

 private:
  struct Free {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  };
  using Key = std::unique_ptr<EVP_PKEY, Free>;

  Nkey(Key key, std::string public_key)
      : key_(std::move(key)), public_key_(std::move(public_key)) {}

  Key key_;
  std::string public_key_;
};

}  // namespace weir

#endif  // WEIR_HOST_NATS_NKEY_H_
