#include "host/nats/nkey.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace weir {
namespace {

constexpr size_t kKeyBytes = 32;
constexpr size_t kSignatureBytes = 64;
constexpr uint8_t kSeedKind = 18 << 3;
constexpr uint8_t kUserKind = 20 << 3;

constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

// A seed's bytes, and its length in base32.
using SeedBytes = std::array<uint8_t, 2 + kKeyBytes + 2>;
constexpr size_t kSeedChars = (sizeof(SeedBytes) * 8 + 4) / 5;

// Far more than a seed with all that is written around it.
constexpr size_t kMaxFileBytes = 8192;

constexpr char kHowTo[] =
    "write into it what `nk -gen user` prints, or the seed of a .nk file of "
    "nsc";

// CRC-16 of XMODEM.
uint16_t Crc16(const uint8_t* data, size_t size) {
  unsigned crc = 0;
  for (size_t i = 0; i < size; ++i) {
    crc ^= static_cast<unsigned>(data[i]) << 8;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1;
    }
    crc &= 0xffff;
  }
  return static_cast<uint16_t>(crc);
}

std::string Base32(const uint8_t* data, size_t size) {
  std::string text;
  unsigned bits = 0;
  int count = 0;
  for (size_t i = 0; i < size; ++i) {
    bits = (bits << 8) | data[i];
    for (count += 8; count >= 5; count -= 5) {
      text.push_back(kAlphabet[(bits >> (count - 5)) & 31]);
    }
    bits &= (1U << count) - 1;
  }
  if (count > 0) text.push_back(kAlphabet[(bits << (5 - count)) & 31]);
  return text;
}

// Returns false for what is no base32, or not of that length.
bool FromBase32(absl::string_view text, SeedBytes* out) {
  if (text.size() != kSeedChars) return false;
  unsigned bits = 0;
  int count = 0;
  size_t filled = 0;
  for (const char c : text) {
    const char* const at = strchr(kAlphabet, c);
    if (c == '\0' || at == nullptr) return false;
    bits = (bits << 5) | static_cast<unsigned>(at - kAlphabet);
    count += 5;
    if (count < 8) continue;
    count -= 8;
    (*out)[filled++] = static_cast<uint8_t>(bits >> count);
    bits &= (1U << count) - 1;
  }
  return filled == out->size();
}

// What is read of a file, overwritten at the end.
struct Secret {
  ~Secret() { OPENSSL_cleanse(bytes.data(), bytes.size()); }
  std::array<char, kMaxFileBytes> bytes = {};
  size_t size = 0;
};

absl::Status ReadFile(const std::string& path, Secret* secret) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return absl::ErrnoToStatus(errno, "cannot be read");
  ssize_t got = 0;
  do {
    got = read(file, secret->bytes.data() + secret->size,
               secret->bytes.size() - secret->size);
    if (got > 0) secret->size += static_cast<size_t>(got);
  } while (got > 0 || (got < 0 && errno == EINTR));
  const int error = errno;
  close(file);
  if (got < 0) return absl::ErrnoToStatus(error, "cannot be read");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Nkey> Nkey::FromSeed(absl::string_view seed) {
  SeedBytes bytes = {};
  const auto wipe = [](SeedBytes* all) {
    OPENSSL_cleanse(all->data(), all->size());
  };
  const std::unique_ptr<SeedBytes, decltype(wipe)> wiped(&bytes, wipe);
  if (!FromBase32(seed, &bytes)) {
    return absl::InvalidArgumentError(
        absl::StrCat("holds a seed that is not ", kSeedChars,
                     " letters A to Z and digits 2 to 7; ", kHowTo));
  }
  constexpr size_t kCrcAt = 2 + kKeyBytes;
  const unsigned crc = bytes[kCrcAt] | (unsigned{bytes[kCrcAt + 1]} << 8);
  if (crc != Crc16(bytes.data(), kCrcAt)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "holds a seed with a wrong check sum, so some of its letters are "
        "wrong; ",
        kHowTo));
  }
  const auto kind =
      static_cast<uint8_t>(((bytes[0] & 7) << 5) | (bytes[1] >> 3));
  if ((bytes[0] & 0xf8) != kSeedKind || kind != kUserKind) {
    return absl::InvalidArgumentError(absl::StrCat(
        "holds the seed of an account, an operator or a server; a user's "
        "begins with SU; ",
        kHowTo));
  }
  Key key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr,
                                       bytes.data() + 2, kKeyBytes));
  std::array<uint8_t, 1 + kKeyBytes + 2> open = {kUserKind};
  size_t size = kKeyBytes;
  if (key == nullptr ||
      EVP_PKEY_get_raw_public_key(key.get(), open.data() + 1, &size) != 1) {
    return absl::InternalError("OpenSSL makes no ed25519 key of the seed");
  }
  const uint16_t open_crc = Crc16(open.data(), 1 + kKeyBytes);
  open[1 + kKeyBytes] = static_cast<uint8_t>(open_crc & 0xff);
  open[2 + kKeyBytes] = static_cast<uint8_t>(open_crc >> 8);
  return Nkey(std::move(key), Base32(open.data(), open.size()));
}

absl::StatusOr<Nkey> Nkey::FromFile(const std::string& path) {
  Secret secret;
  if (absl::Status status = ReadFile(path, &secret); !status.ok()) {
    return status;
  }
  for (absl::string_view line : absl::StrSplit(
           absl::string_view(secret.bytes.data(), secret.size), '\n')) {
    line = absl::StripAsciiWhitespace(line);
    // Others are of a key's frame, or say what it is for.
    if (line.size() >= 2 && line[0] == 'S' && absl::ascii_isupper(line[1]) &&
        !absl::StrContains(line, ' ')) {
      return FromSeed(line);
    }
  }
  return absl::InvalidArgumentError(
      absl::StrCat("holds no seed, a line that begins with SU; ", kHowTo));
}

std::string Nkey::Sign(absl::string_view text) const {
  std::string signature(kSignatureBytes, '\0');
  size_t size = signature.size();
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(
      EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  if (context == nullptr ||
      EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr,
                         key_.get()) != 1 ||
      EVP_DigestSign(context.get(),
                     reinterpret_cast<unsigned char*>(signature.data()), &size,
                     reinterpret_cast<const unsigned char*>(text.data()),
                     text.size()) != 1) {
    return "";
  }
  signature.resize(size);
  return signature;
}

}  // namespace weir
