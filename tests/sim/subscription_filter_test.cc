#include "sim/subscription_filter.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sim/path_pattern.h"
#include "tests/support/status_matchers.h"

namespace weir::sim {
namespace {

using ::testing::HasSubstr;

constexpr char kUpdate[] =
    R"({"type":"ris_message","data":{"timestamp":1.000,"peer":"2001:db8::9",)"
    R"("peer_asn":"64496","id":"x","host":"rrc21.ripe.net","type":"UPDATE",)"
    R"("path":[64496,64504,64500],"community":[],"origin":"IGP",)"
    R"("announcements":[{"next_hop":"192.0.2.1","prefixes":)"
    R"(["10.1.0.0/16","10.9.0.0/16"]}],)"
    R"("withdrawals":["2001:db8:0:0:0:0:0:0/32"],"raw":"FF"}})"
    "\n";

TEST(SubscriptionFilterTest, MatchesWhatWasAskedFor) {
  struct Case {
    const char* why;
    const char* json;
    bool want;
  };
  for (const Case& c : std::vector<Case>{
           {"nothing asked, all wanted", "{}", true},
           {"null is nothing", "null", true},
           {"a short host", R"({"host":"rrc21"})", true},
           {"a long host", R"({"host":"rrc21.ripe.net"})", true},
           {"another host", R"({"host":"rrc2"})", false},
           {"the type", R"({"type":"UPDATE"})", true},
           {"another type", R"({"type":"RIS_PEER_STATE"})", false},
           {"announcements", R"({"require":"announcements"})", true},
           {"a key it has not", R"({"require":"med"})", false},
           {"an empty array is not there", R"({"require":"community"})", false},
           {"the peer, however written", R"({"peer":"2001:DB8:0::9"})", true},
           {"another peer", R"({"peer":"192.0.2.1"})", false},
           {"an AS of the path", R"({"path":64504})", true},
           {"the origin", R"({"path":"64504,64500$"})", true},
           {"not the origin", R"({"path":"64504$"})", false},
           {"the prefix", R"({"prefix":"10.1.0.0/16"})", true},
           {"the second one", R"({"prefix":"10.9.0.0/16"})", true},
           {"a withdrawn one", R"({"prefix":"2001:db8::/32"})", true},
           {"a covering one: more specifics by default",
            R"({"prefix":"10.0.0.0/8"})", true},
           {"a covering one without more specifics",
            R"({"prefix":"10.0.0.0/8","moreSpecific":false})", false},
           {"one inside: no less specifics by default",
            R"({"prefix":"10.1.2.0/24"})", false},
           {"one inside with less specifics",
            R"({"prefix":"10.1.2.0/24","lessSpecific":true})", true},
           {"one of several", R"({"prefix":["192.0.2.0/24","10.1.0.0/16"]})",
            true},
           {"all keys have to match",
            R"({"host":"rrc21","prefix":"192.0.2.0/24"})", false},
       }) {
    const absl::StatusOr<SubscriptionFilter> filter =
        SubscriptionFilter::Parse(c.json);
    ASSERT_THAT(filter, IsOk()) << c.why;
    EXPECT_EQ(filter->Matches(kUpdate), c.want) << c.why;
  }
}

TEST(SubscriptionFilterTest, LetsThroughWhatIsNoMessage) {
  const auto filter = SubscriptionFilter::Parse(R"({"host":"rrc00"})");
  ASSERT_THAT(filter, IsOk());
  EXPECT_TRUE(filter->Matches(R"({"type":"ris_error","data":{}})"));
}

TEST(SubscriptionFilterTest, LeavesRawOutUnlessAskedForIt) {
  EXPECT_FALSE(SubscriptionFilter::Parse("{}")->include_raw());
  EXPECT_TRUE(
      SubscriptionFilter::Parse(R"({"includeRaw":true})")->include_raw());
  EXPECT_TRUE(
      SubscriptionFilter::Parse(R"({"socketOptions":{"includeRaw":true}})")
          ->include_raw());
}

TEST(SubscriptionFilterTest, RefusesWithTheReason) {
  struct Case {
    const char* json;
    const char* want;
  };
  for (const Case& c : std::vector<Case>{
           {"", "no JSON"},
           {"{", "no JSON"},
           {"[1]", "no JSON object"},
           {R"({"hots":"rrc00"})", "unknown key 'hots'"},
           {R"({"host":7})", "host has to be a string"},
           {R"({"path":true})", "path has to be an AS number or a string"},
           {R"({"peer":"x"})", "peer 'x' has to be an address"},
           {R"({"prefix":"10/8"})", "prefix '10/8' has to be"},
           {R"({"prefix":[7]})", "prefix has to be"},
           {R"({"moreSpecific":1})", "moreSpecific has to be true or false"},
           {R"({"socketOptions":1})", "socketOptions has to be an object"},
       }) {
    EXPECT_THAT(SubscriptionFilter::Parse(c.json),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(c.want)))
        << c.json;
  }
}

TEST(PathPatternTest, FindsConsecutiveHops) {
  const std::vector<std::string> hops = {"123", "456", "789", "[7,9]"};
  struct Case {
    const char* pattern;
    bool want;
  };
  for (const Case& c : std::vector<Case>{
           {"", true},
           {"456", true},
           {"56", false},
           {"123,456", true},
           {"123,789", false},
           {"^123", true},
           {"^456", false},
           {"[7,9]$", true},
           {"789$", false},
           {"^123,456,789,[7,9]$", true},
           {"^123,456$", false},
           {"!456", false},
           {"!99", true},
           {"1,2,3,4,5", false},
       }) {
    EXPECT_EQ(PathMatches(c.pattern, hops), c.want) << c.pattern;
  }
}

}  // namespace
}  // namespace weir::sim
