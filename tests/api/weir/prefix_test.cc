#include "weir/prefix.h"

#include <arpa/inet.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "weir/address.h"

namespace weir::bgp {
namespace {

using testing::HasSubstr;

Address RandomAddress(std::mt19937& random) {
  std::array<uint8_t, 16> bytes = {};
  for (uint8_t& byte : bytes) {
    // Many zeros, for the runs that IPv6 leaves out.
    byte = random() % 3 == 0 ? static_cast<uint8_t>(random()) : 0;
  }
  return Address(random() % 2 == 0 ? 4 : 6, bytes.data());
}

// Character by character, so that most texts are nearly right.
std::string RandomText(std::mt19937& random) {
  std::string text = RandomAddress(random).ToString();
  const std::string alphabet("0129af:.%/ \0g", 13);
  for (uint32_t edits = random() % 3; edits > 0; --edits) {
    const size_t at = random() % (text.size() + 1);
    const char with = alphabet[random() % alphabet.size()];
    if (at < text.size() && random() % 2 == 0) {
      text[at] = with;
    } else {
      text.insert(at, 1, with);
    }
  }
  return text;
}

TEST(AddressTest, ReadsWhatTheSystemReadsAndNothingElse) {
  std::mt19937 random(1);
  int good = 0;
  for (int i = 0; i < 20000; ++i) {
    const std::string text = RandomText(random);
    const bool v6 = text.find(':') != std::string::npos;
    std::array<uint8_t, 16> bytes = {};
    // The system stops at a NUL; there is none in an address.
    const bool want =
        text.find('\0') == std::string::npos &&
        inet_pton(v6 ? AF_INET6 : AF_INET, text.c_str(), bytes.data()) == 1;
    const std::optional<Address> got = Address::Parse(text);
    ASSERT_EQ(got.has_value(), want) << text;
    if (!want) continue;
    ++good;
    EXPECT_EQ(got->bytes(), bytes) << text;
    EXPECT_EQ(got->family(), v6 ? 6 : 4) << text;
  }
  EXPECT_GT(good, 5000) << "the random texts are too bad to tell anything";
}

TEST(AddressTest, IsReadBackFromItsOwnText) {
  std::mt19937 random(2);
  for (int i = 0; i < 20000; ++i) {
    const Address address = RandomAddress(random);
    EXPECT_EQ(Address::Parse(address.ToString()), address)
        << address.ToString();
  }
}

TEST(AddressTest, IsWrittenAsRfc5952Says) {
  for (const auto& [text, want] : std::vector<std::array<const char*, 2>>{
           {"2001:0db8::0001", "2001:db8::1"},
           {"2001:db8:0:0:0:0:2:1", "2001:db8::2:1"},
           {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
           {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
           {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
           {"2001:DB8::AA", "2001:db8::aa"},
           {"::ffff:192.0.2.1", "::ffff:192.0.2.1"},
           {"::", "::"},
           {"192.0.2.1", "192.0.2.1"},
       }) {
    const std::optional<Address> address = Address::Parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->ToString(), want);
  }
}

TEST(PrefixTest, SaysWhatIsWrongWithATextAndWhatWouldBeRight) {
  struct Case {
    const char* why;
    const char* text;
    const char* want;
  };
  for (const Case& c : std::vector<Case>{
           {"an address is no block", "192.0.2.0", "no length"},
           {"nothing at all", "", "no length"},
           {"three numbers", "192.0.2/24", "not an IPv4 or IPv6 address"},
           {"too long for IPv4", "192.0.2.0/33", "from 0 to 32"},
           {"too long for IPv6", "2001:db8::/129", "from 0 to 128"},
           {"no digits", "192.0.2.0/", "from 0 to 32"},
           {"a sign", "192.0.2.0/-1", "from 0 to 32"},
           {"something behind it", "192.0.2.0/24x", "from 0 to 32"},
           {"two ways to write 8", "10.0.0.0/08", "from 0 to 32"},
           {"host bits", "192.0.2.1/24", "did you mean 192.0.2.0/24"},
           {"host bits within a byte", "2001:db8:c::/45",
            "did you mean 2001:db8:8::/45"},
       }) {
    std::string why;
    EXPECT_EQ(Prefix::Parse(c.text, &why), std::nullopt) << c.why;
    EXPECT_THAT(why, HasSubstr(c.want)) << c.why;
    EXPECT_THAT(why, HasSubstr(c.text)) << c.why;
  }
}

TEST(PrefixTest, IsReadBackFromItsOwnText) {
  std::mt19937 random(3);
  for (int i = 0; i < 20000; ++i) {
    const Prefix prefix(RandomAddress(random),
                        static_cast<int>(random() % 130));
    EXPECT_EQ(Prefix::Parse(prefix.ToString()), prefix) << prefix.ToString();
  }
}

// Bit by bit, as the definition says.
bool CoversSlowly(const Prefix& outer, const Prefix& inner) {
  if (outer.family() != inner.family()) return false;
  if (outer.length() > inner.length()) return false;
  for (int i = 0; i < outer.length(); ++i) {
    if (outer.Bit(i) != inner.Bit(i)) return false;
  }
  return true;
}

TEST(PrefixTest, CoversWhatBeginsWithItsBits) {
  std::mt19937 random(4);
  int covered = 0;
  for (int i = 0; i < 50000; ++i) {
    const Address address = RandomAddress(random);
    const Prefix outer(address, static_cast<int>(random() % 129));
    // Another address half of the time, so that both answers occur.
    const Address other = random() % 2 == 0 ? RandomAddress(random) : address;
    const Prefix inner(other, static_cast<int>(random() % 129));
    EXPECT_EQ(outer.Covers(inner), CoversSlowly(outer, inner))
        << outer.ToString() << ' ' << inner.ToString();
    EXPECT_EQ(outer.Contains(other), CoversSlowly(outer, Prefix(other, 128)))
        << outer.ToString() << ' ' << other.ToString();
    covered += outer.Covers(inner) ? 1 : 0;
  }
  EXPECT_GT(covered, 10000);
}

TEST(PrefixTest, DoesNotCoverTheOtherFamily) {
  EXPECT_FALSE(Prefix::Parse("0.0.0.0/0")->Covers(*Prefix::Parse("::/0")));
  EXPECT_FALSE(Prefix::Parse("::/0")->Contains(*Address::Parse("192.0.2.1")));
}

TEST(PrefixTest, EqualsAndHashesWithoutItsNextHop) {
  const Prefix parsed = *Prefix::Parse("192.0.2.0/24");
  weir_prefix raw = parsed.raw();
  raw.next_hop = 3;
  EXPECT_EQ(Prefix(raw), parsed);
  EXPECT_EQ(std::hash<Prefix>()(Prefix(raw)), std::hash<Prefix>()(parsed));
  EXPECT_NE(Prefix(parsed.address(), 25), parsed);
}

}  // namespace
}  // namespace weir::bgp
