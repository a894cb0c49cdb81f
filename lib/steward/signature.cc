#include "lib/steward/signature.h"

#include <openssl/evp.h>

#include <memory>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"

namespace weir::steward {
namespace {

// RFC 8032, 5.1.
constexpr size_t kKeyBytes = 32;
constexpr size_t kSignatureBytes = 64;

const unsigned char* Bytes(absl::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

bool Verify(absl::string_view key, absl::string_view text,
            absl::string_view signature) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> public_key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, Bytes(key),
                                  key.size()),
      &EVP_PKEY_free);
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(
      EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  return public_key != nullptr && context != nullptr &&
         EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr,
                              public_key.get()) == 1 &&
         EVP_DigestVerify(context.get(), Bytes(signature), signature.size(),
                          Bytes(text), text.size()) == 1;
}

}  // namespace

absl::StatusOr<PublicKeys> ReadPublicKeys(absl::string_view json) {
  const nlohmann::json root = nlohmann::json::parse(
      json.begin(), json.end(), nullptr, /*allow_exceptions=*/false);
  if (!root.is_object() || !root.contains("Keys") ||
      !root["Keys"].is_object()) {
    return absl::InvalidArgumentError(
        R"(no JSON object {"Keys": {"NODE": "BASE64"}})");
  }
  PublicKeys keys;
  for (const auto& [node, value] : root["Keys"].items()) {
    std::string key;
    if (!value.is_string() ||
        !absl::Base64Unescape(value.get_ref<const std::string&>(), &key) ||
        key.size() != kKeyBytes) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the key of node \"", node, "\" is no base64 of 32 bytes"));
    }
    keys.emplace(node, std::move(key));
  }
  return keys;
}

absl::Status CheckSignature(const Message& message, const PublicKeys& keys) {
  const auto wrong = [&](absl::string_view what) {
    return absl::PermissionDeniedError(
        absl::StrCat("node \"", message.from_node, "\": ", what));
  };
  const auto key = keys.find(message.from_node);
  if (key == keys.end()) {
    return wrong("its public key is not in the keys_file");
  }
  const std::string signature = message.arg_signature.value_or("");
  if (signature.empty()) return wrong("the message is not signed");
  const std::string arguments =
      absl::StrJoin(message.method_args.value_or(Message::Texts()), " ");
  if (signature.size() != kSignatureBytes ||
      !Verify(key->second, arguments, signature)) {
    return wrong("the signature is not its own of these arguments");
  }
  return absl::OkStatus();
}

}  // namespace weir::steward
