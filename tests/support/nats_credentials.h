#ifndef WEIR_TESTS_SUPPORT_NATS_CREDENTIALS_H_
#define WEIR_TESTS_SUPPORT_NATS_CREDENTIALS_H_

#include <openssl/evp.h>

#include <memory>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "tests/support/nkey_seed.h"

namespace weir {

// A new key of an operator, an account or a user, which signs the tokens by
// which they vouch for each other.
class NatsIdentity {
 public:
  enum Kind { kOperator = 14, kAccount = 0, kUser = 20 };

  explicit NatsIdentity(Kind kind)
      : bytes_(NewNkeyBytes()),
        kind_(kind),
        key_(EVP_PKEY_new_raw_private_key(
                 EVP_PKEY_ED25519, nullptr,
                 reinterpret_cast<const unsigned char*>(bytes_.data()),
                 bytes_.size()),
             &EVP_PKEY_free) {}

  std::string seed() const { return NkeySeedText(bytes_, kind_); }
  std::string public_key() const {
    std::string open(32, '\0');
    size_t size = open.size();
    EVP_PKEY_get_raw_public_key(
        key_.get(), reinterpret_cast<unsigned char*>(open.data()), &size);
    return NkeyText(
        absl::StrCat(std::string(1, static_cast<char>(kind_ << 3)), open));
  }

  // A token about `who`, signed by this one; `claims` are of their kind, JSON
  // without its braces.
  std::string Vouch(const NatsIdentity& who, absl::string_view claims) const {
    const std::string text = absl::StrCat(
        Base64(R"({"typ":"JWT","alg":"ed25519-nkey"})"), ".",
        Base64(absl::StrCat(R"({"jti":"test","iat":1700000000,"iss":")",
                            public_key(), R"(","name":"test","sub":")",
                            who.public_key(), R"(","nats":{)", claims,
                            R"(,"version":2}})")));
    return absl::StrCat(text, ".", Base64(Sign(text)));
  }

 private:
  static std::string Base64(absl::string_view bytes) {
    std::string text;
    absl::WebSafeBase64Escape(bytes, &text);
    return text;
  }
  std::string Sign(absl::string_view text) const {
    std::string signature(64, '\0');
    size_t size = signature.size();
    EVP_MD_CTX* const context = EVP_MD_CTX_new();
    EVP_DigestSignInit(context, nullptr, nullptr, nullptr, key_.get());
    EVP_DigestSign(context, reinterpret_cast<unsigned char*>(signature.data()),
                   &size, reinterpret_cast<const unsigned char*>(text.data()),
                   text.size());
    EVP_MD_CTX_free(context);
    return signature;
  }

  std::string bytes_;
  Kind kind_;
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_;
};

// An operator and an account, as nsc makes them, and users of it.
class NatsCredentials {
 public:
  // Of a server that lets the account's users in, and nobody else.
  std::string ServerConfig() const {
    return absl::StrCat(
        "operator: \"", operator_.Vouch(operator_, R"("type":"operator")"),
        "\"\nresolver: MEMORY\nresolver_preload: { ", account_.public_key(),
        ": \"",
        operator_.Vouch(
            account_,
            R"("type":"account","limits":{"subs":-1,"data":-1,"payload":-1,)"
            R"("imports":-1,"exports":-1,"wildcards":true,"conn":-1,)"
            R"("leaf":-1},"default_permissions":{"pub":{},"sub":{}})"),
        "\" }\n");
  }
  // What a .creds file of a new user of `account` holds.
  static std::string Creds(const NatsIdentity& account) {
    const NatsIdentity user(NatsIdentity::kUser);
    return absl::StrCat(
        "-----BEGIN NATS USER JWT-----\n",
        account.Vouch(user, R"("type":"user","pub":{},"sub":{},"subs":-1,)"
                            R"("data":-1,"payload":-1)"),
        "\n------END NATS USER JWT------\n\n"
        "-----BEGIN USER NKEY SEED-----\n",
        user.seed(), "\n------END USER NKEY SEED------\n");
  }
  const NatsIdentity& account() const { return account_; }

 private:
  const NatsIdentity operator_{NatsIdentity::kOperator};
  const NatsIdentity account_{NatsIdentity::kAccount};
};

}  // namespace weir

#endif  // WEIR_TESTS_SUPPORT_NATS_CREDENTIALS_H_
