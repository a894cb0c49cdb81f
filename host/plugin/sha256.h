#ifndef WEIR_HOST_PLUGIN_SHA256_H_
#define WEIR_HOST_PLUGIN_SHA256_H_

#include <openssl/evp.h>

#include <array>
#include <memory>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"

namespace weir {

// The SHA-256 of bytes that come piece by piece. One thread.
class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
    EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr);
  }

  void Add(absl::string_view bytes) {
    EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size());
  }

  // Of all that was added, lower-case hex, 64 characters. Called once.
  std::string Hex() {
    std::array<char, EVP_MAX_MD_SIZE> digest;
    unsigned int length = 0;
    EVP_DigestFinal_ex(context_.get(),
                       reinterpret_cast<unsigned char*>(digest.data()),
                       &length);
    return absl::BytesToHexString(absl::string_view(digest.data(), length));
  }

 private:
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_SHA256_H_
