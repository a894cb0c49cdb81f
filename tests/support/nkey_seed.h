#ifndef WEIR_TESTS_SUPPORT_NKEY_SEED_H_
#define WEIR_TESTS_SUPPORT_NKEY_SEED_H_

#include <openssl/rand.h>

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace weir {

// `bytes` with their check sum behind them, in base32, as all keys of NATS are
// written. Written apart from host/nats, which reads them.
inline std::string NkeyText(std::string bytes) {
  uint16_t crc = 0;
  for (const char byte : bytes) {
    crc = static_cast<uint16_t>(crc ^ (static_cast<uint8_t>(byte) << 8));
    for (int i = 0; i < 8; ++i) {
      const bool high = (crc & 0x8000) != 0;
      crc = static_cast<uint16_t>((crc << 1) ^ (high ? 0x1021 : 0));
    }
  }
  bytes.push_back(static_cast<char>(crc & 0xff));
  bytes.push_back(static_cast<char>(crc >> 8));
  std::string bits;
  for (const char byte : bytes) {
    for (int i = 7; i >= 0; --i) {
      bits.push_back((byte >> i & 1) != 0 ? '1' : '0');
    }
  }
  while (bits.size() % 5 != 0) bits.push_back('0');
  std::string text;
  for (size_t at = 0; at < bits.size(); at += 5) {
    text.push_back("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[std::stoi(
        bits.substr(at, 5), nullptr, 2)]);
  }
  return text;
}

// The 32 bytes that an ed25519 key is made of.
inline std::string NewNkeyBytes() {
  std::string bytes(32, '\0');
  RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), 32);
  return bytes;
}

// The seed, "S...", of whoever's keys begin with `kind`: 20 for users.
inline std::string NkeySeedText(const std::string& bytes, int kind) {
  const int prefix = kind << 3;
  std::string text;
  text.push_back(static_cast<char>((18 << 3) | (prefix >> 5)));
  text.push_back(static_cast<char>((prefix & 31) << 3));
  return NkeyText(text + bytes);
}
inline std::string NewNkeySeed(int kind = 20) {
  return NkeySeedText(NewNkeyBytes(), kind);
}

}  // namespace weir

#endif  // WEIR_TESTS_SUPPORT_NKEY_SEED_H_
