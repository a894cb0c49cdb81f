#include "host/decode/ip_text.h"

#include <arpa/inet.h>

#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "weir/message_fields.h"

namespace weir {
namespace {

// Whether ParseAddress and inet_pton say the same of `text`, bytes included.
void ExpectAsInetPton(const std::string& text) {
  weir_address want = {};
  bool ok = inet_pton(AF_INET, text.c_str(), want.bytes) == 1;
  want.family = 4;
  if (!ok) {
    ok = inet_pton(AF_INET6, text.c_str(), want.bytes) == 1;
    want.family = 6;
  }
  weir_address got;
  ASSERT_EQ(ParseAddress(text, &got), ok) << text;
  if (ok) {
    EXPECT_EQ(got.family, want.family) << text;
    EXPECT_EQ(std::memcmp(got.bytes, want.bytes, 16), 0) << text;
  }
}

const std::vector<std::string>& Addresses() {
  static const auto* const addresses = new std::vector<std::string>{
      "0.0.0.0",
      "255.255.255.255",
      "192.0.2.1",
      "10.20.30.40",
      "::",
      "::1",
      "1::",
      "fe80::1",
      "2001:db8::1",
      "1:2:3:4:5:6:7:8",
      "1:2:3:4:5:6:7::",
      "::2:3:4:5:6:7:8",
      "1::3:4:5:6:7:8",
      "2A12:CA42:0:0:0:0:0:0",
      "::ffff:192.0.2.1",
      "1:2:3:4:5:6:1.2.3.4",
      "64:ff9b::1.2.3.4",
      "abcd:ef01:2345:6789::",
  };
  return *addresses;
}

TEST(IpTextTest, ReadsEveryAddressAsInetPtonDoes) {
  for (const std::string& text : Addresses()) {
    weir_address address;
    EXPECT_TRUE(ParseAddress(text, &address)) << text;
    ExpectAsInetPton(text);
  }
}

TEST(IpTextTest, AgreesWithInetPtonOnEveryOneCharacterMistake) {
  const std::string characters = "0123456789abcdefgAFG:./, -%x\x80";
  for (const std::string& text : Addresses()) {
    for (size_t at = 0; at <= text.size(); ++at) {
      if (at < text.size()) {
        ExpectAsInetPton(std::string(text).erase(at, 1));
        ExpectAsInetPton(text.substr(0, at));
      }
      for (const char c : characters) {
        ExpectAsInetPton(std::string(text).insert(at, 1, c));
        if (at == text.size()) continue;
        std::string changed = text;
        changed[at] = c;
        ExpectAsInetPton(changed);
      }
    }
  }
}

TEST(IpTextTest, AgreesWithInetPtonOnArbitraryText) {
  std::mt19937 random(1);  // The same texts in every run.
  const std::string characters = "0001229af::::..";
  for (int i = 0; i < 300000; ++i) {
    std::string text(random() % 24, ' ');
    for (char& c : text) c = characters[random() % characters.size()];
    ExpectAsInetPton(text);
  }
}

TEST(IpTextTest, ReadsEveryOctet) {
  for (int octet = 0; octet < 1100; ++octet) {
    ExpectAsInetPton(absl::StrCat(octet, ".0.2.1"));
    ExpectAsInetPton(absl::StrCat("192.0.2.", octet));
    ExpectAsInetPton(absl::StrCat("192.0.2.0", octet));
  }
}

TEST(IpTextTest, ReadsEveryGroup) {
  for (int group = 0; group <= 0x10000; ++group) {
    ExpectAsInetPton(absl::StrCat("2001:", absl::Hex(group), "::"));
  }
}

TEST(IpTextTest, ClearsEveryBitBehindEveryLength) {
  for (const auto& [text, bits] :
       {std::pair<std::string, int>("255.255.255.255", 32),
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 128}}) {
    for (int length = 0; length <= bits; ++length) {
      weir_prefix prefix;
      ASSERT_TRUE(ParsePrefix(absl::StrCat(text, "/", length), &prefix));
      EXPECT_EQ(prefix.family, bits == 32 ? 4 : 6);
      EXPECT_EQ(prefix.length, length);
      EXPECT_EQ(prefix.next_hop, WEIR_NO_NEXT_HOP);
      for (int bit = 0; bit < 128; ++bit) {
        EXPECT_EQ(prefix.bytes[bit / 8] >> (7 - bit % 8) & 1, bit < length)
            << text << "/" << length << " bit " << bit;
      }
    }
  }
}

TEST(IpTextTest, ReadsTheLongAndTheShortFormAsTheSamePrefix) {
  weir_prefix announced;
  weir_prefix withdrawn;
  ASSERT_TRUE(ParsePrefix("2a12:ca42::/32", &announced));
  ASSERT_TRUE(ParsePrefix("2a12:ca42:0:0:0:0:0:0/32", &withdrawn));
  EXPECT_EQ(std::memcmp(&announced, &withdrawn, sizeof(announced)), 0);
}

TEST(IpTextTest, RefusesWhatIsNoPrefix) {
  for (const char* text :
       {"", "/", "/24", "192.0.2.0", "192.0.2.0/", "192.0.2.0/33",
        "192.0.2.0/024", "192.0.2.0/-1", "192.0.2.0/2 ", "192.0.2.0/999",
        "192.0.2.0/1000", "192.0.2/24", "2001:db8::/129", "2001:db8::",
        "2001:db8::/", "2001:db8:/32", "eor", "192.0.2.0/24/24"}) {
    weir_prefix prefix;
    EXPECT_FALSE(ParsePrefix(text, &prefix)) << text;
  }
}

}  // namespace
}  // namespace weir
