#include "sim/ip_prefix.h"

#include <optional>
#include <vector>

#include "gtest/gtest.h"

namespace weir::sim {
namespace {

TEST(IpPrefixTest, IsWrittenAsRisLiveWritesIt) {
  struct Case {
    const char* why;
    const char* text;
    const char* want;
    const char* want_long;
  };
  for (const Case& c : std::vector<Case>{
           {"IPv4", "192.0.2.0/24", "192.0.2.0/24", "192.0.2.0/24"},
           {"the default route", "0.0.0.0/0", "0.0.0.0/0", "0.0.0.0/0"},
           {"host bits are cleared", "192.0.2.77/25", "192.0.2.0/25",
            "192.0.2.0/25"},
           {"IPv6, short and long", "2001:db8::/32", "2001:db8::/32",
            "2001:db8:0:0:0:0:0:0/32"},
           {"the long form is read, too", "2001:db8:0:0:0:0:0:0/32",
            "2001:db8::/32", "2001:db8:0:0:0:0:0:0/32"},
           {"upper case is read", "2001:DB8:AB::/48", "2001:db8:ab::/48",
            "2001:db8:ab:0:0:0:0:0/48"},
           {"an address", "2001:db8::1", "2001:db8::1/128",
            "2001:db8:0:0:0:0:0:1/128"},
       }) {
    const std::optional<IpPrefix> prefix = IpPrefix::Parse(c.text);
    ASSERT_TRUE(prefix.has_value()) << c.why;
    EXPECT_EQ(prefix->ToString(), c.want) << c.why;
    EXPECT_EQ(prefix->ToLongString(), c.want_long) << c.why;
  }
}

TEST(IpPrefixTest, RefusesWhatIsNone) {
  for (const char* text : {"", "192.0.2.0/33", "192.0.2.0/-1", "192.0.2/24",
                           "2001:db8::/129", "2001:db8::/", "x", "/24"}) {
    EXPECT_FALSE(IpPrefix::Parse(text).has_value()) << text;
  }
}

TEST(IpPrefixTest, CoversItselfAndItsMoreSpecifics) {
  const IpPrefix prefix = IpPrefix::Of("192.0.2.0/24");
  EXPECT_TRUE(prefix.Covers(prefix));
  EXPECT_TRUE(prefix.Covers(IpPrefix::Of("192.0.2.128/25")));
  EXPECT_FALSE(prefix.Covers(IpPrefix::Of("192.0.0.0/16")));
  EXPECT_FALSE(prefix.Covers(IpPrefix::Of("192.0.3.0/25")));
  EXPECT_TRUE(IpPrefix::Of("0.0.0.0/0").Covers(prefix));
  EXPECT_FALSE(IpPrefix::Of("::/0").Covers(prefix));
}

}  // namespace
}  // namespace weir::sim
