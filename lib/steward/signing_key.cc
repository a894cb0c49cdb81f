#include "lib/steward/signing_key.h"

#include <openssl/evp.h>

#include <memory>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace weir::steward {
namespace {

// RFC 8032, 5.1.
constexpr size_t kSeedBytes = 32;
constexpr size_t kKeyBytes = 32;
constexpr size_t kSignatureBytes = 64;

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

const unsigned char* Bytes(absl::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

Key MakeKey(absl::string_view seed) {
  return {EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, Bytes(seed),
                                       seed.size()),
          &EVP_PKEY_free};
}

}  // namespace

absl::StatusOr<SigningKey> SigningKey::Read(absl::string_view text) {
  std::string bytes;
  if (!absl::Base64Unescape(text, &bytes) ||
      bytes.size() != kSeedBytes + kKeyBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "no base64 of ", kSeedBytes + kKeyBytes,
        " bytes, as steward and ctrl keep it in signing/private.key"));
  }
  std::string seed = bytes.substr(0, kSeedBytes);
  std::string public_key(kKeyBytes, '\0');
  size_t size = public_key.size();
  const Key key = MakeKey(seed);
  if (key == nullptr ||
      EVP_PKEY_get_raw_public_key(
          key.get(), reinterpret_cast<unsigned char*>(public_key.data()),
          &size) != 1 ||
      public_key != bytes.substr(kSeedBytes)) {
    return absl::InvalidArgumentError(
        "its latter half is not the public key of the first");
  }
  return SigningKey(std::move(seed), std::move(public_key));
}

std::string SigningKey::Sign(const Message& message) const {
  const std::string text =
      absl::StrJoin(message.method_args.value_or(Message::Texts()), " ");
  std::string signature(kSignatureBytes, '\0');
  size_t size = signature.size();
  const Key key = MakeKey(seed_);
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(
      EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  if (key == nullptr || context == nullptr ||
      EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) !=
          1 ||
      EVP_DigestSign(context.get(),
                     reinterpret_cast<unsigned char*>(signature.data()), &size,
                     Bytes(text), text.size()) != 1) {
    return "";  // No memory.
  }
  return signature;
}

}  // namespace weir::steward
