#include "host/decode/message_key.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace weir {
namespace {

// A key's text with its closing quote. The first eight bytes of it tell all
// keys apart, so one comparison of a number rules a key out.
struct KeyText {
  const char* text;
  size_t bytes;
  uint64_t head = 0;
  uint64_t mask = 0;

  template <size_t N>
  explicit constexpr KeyText(const char (&quoted)[N])
      : text(quoted), bytes(N - 1) {
    for (size_t i = 0; i < bytes && i < 8; ++i) {
      head |= uint64_t{static_cast<uint8_t>(quoted[i])} << (8 * i);
      mask |= uint64_t{0xff} << (8 * i);
    }
  }
};

constexpr std::array<KeyText, kKeys> kKeyTexts = {
    KeyText("timestamp\""),    KeyText("peer\""),
    KeyText("peer_asn\""),     KeyText("id\""),
    KeyText("host\""),         KeyText("type\""),
    KeyText("path\""),         KeyText("community\""),
    KeyText("origin\""),       KeyText("med\""),
    KeyText("aggregator\""),   KeyText("announcements\""),
    KeyText("withdrawals\""),  KeyText("raw\""),
    KeyText("state\""),        KeyText("direction\""),
    KeyText("version\""),      KeyText("asn\""),
    KeyText("hold_time\""),    KeyText("router_id\""),
    KeyText("capabilities\""), KeyText("notification\""),
};

// No two keys that differ in their first two letters share a slot; where two
// keys begin alike, the slot has one and that one names the other.
constexpr size_t SlotOf(const char* text) {
  return static_cast<size_t>(text[0] & 31) << 5 |
         static_cast<size_t>(text[1] & 31);
}

struct KeyIndex {
  std::array<uint8_t, 1024> slots = {};
  std::array<uint8_t, kKeys> others = {};

  constexpr KeyIndex() {
    for (uint8_t& slot : slots) slot = kKeys;
    for (int key = 0; key < kKeys; ++key) {
      uint8_t& slot = slots[SlotOf(kKeyTexts[key].text)];
      others[key] = slot;
      slot = static_cast<uint8_t>(key);
    }
  }
};

constexpr KeyIndex kKeyIndex;

}  // namespace

int FindKey(const char* text) {
  uint64_t head;
  std::memcpy(&head, text, sizeof(head));
  int key = kKeyIndex.slots[SlotOf(text)];
  for (; key != kKeys; key = kKeyIndex.others[key]) {
    const KeyText& candidate = kKeyTexts[key];
    if (((head ^ candidate.head) & candidate.mask) != 0) continue;
    if (candidate.bytes <= 8 ||
        std::memcmp(text + 8, candidate.text + 8, candidate.bytes - 8) == 0) {
      return key;
    }
  }
  return kKeys;
}

absl::string_view KeyName(int key) {
  return {kKeyTexts[key].text, kKeyTexts[key].bytes - 1};
}

}  // namespace weir
