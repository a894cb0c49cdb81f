#include "weir/bgp.h"

#include <cstdint>
#include <optional>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/bgp_message.h"

namespace weir::bgp {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(UpdateTest, ReadsEveryPartOfAMessage) {
  BgpMessage message;
  message.From("rrc00.ripe.net", "2001:db8::9", 64499)
      .Id("00-1")
      .Path({64499, 64498, 64498, 64496})
      .Communities({64499u << 16 | 7})
      .Med(20)
      .Announce("192.0.2.0/24", "198.51.100.1")
      .Announce("2001:db8::/32", "2001:db8::1")
      .Withdraw("203.0.113.0/24");
  const Update update{Message(message.view())};

  EXPECT_EQ(update.collector(), "rrc00.ripe.net");
  EXPECT_EQ(update.id(), "00-1");
  EXPECT_EQ(update.peer(), Address::Parse("2001:db8::9"));
  EXPECT_EQ(update.peer_asn(), 64499u);
  EXPECT_EQ(update.path().ToString(), "64499 64498 64498 64496");
  EXPECT_EQ(update.origin_asn(), 64496u);
  EXPECT_THAT(update.communities(), ElementsAre(64499u << 16 | 7));
  EXPECT_EQ(update.med(), 20u);
  ASSERT_EQ(update.announced().size(), 2u);
  EXPECT_EQ(Prefix(update.announced()[1]), Prefix::Parse("2001:db8::/32"));
  EXPECT_EQ(update.next_hop(update.announced()[1]),
            Address::Parse("2001:db8::1"));
  ASSERT_EQ(update.withdrawn().size(), 1u);
  EXPECT_EQ(Prefix(update.withdrawn()[0]), Prefix::Parse("203.0.113.0/24"));
  EXPECT_EQ(update.next_hop(update.withdrawn()[0]), std::nullopt);
}

TEST(UpdateTest, IsEmptyOverAMessageThatHasNothing) {
  BgpMessage message(BgpMessage::kKeepalive);
  const Update update{Message(message.view())};
  EXPECT_EQ(update.collector(), "");
  EXPECT_EQ(update.peer(), std::nullopt);
  EXPECT_EQ(update.origin_asn(), std::nullopt);
  EXPECT_EQ(update.med(), std::nullopt);
  EXPECT_THAT(update.announced(), IsEmpty());
  EXPECT_EQ(update.state(), "");
}

TEST(AsPathTest, HasNoOriginWhereItEndsInASet) {
  const std::vector<uint32_t> numbers = {1, 2, 3, 4, 5};
  struct Case {
    const char* why;
    std::vector<weir_range> sets;
    std::optional<uint32_t> origin;
    const char* text;
  };
  for (const Case& c : std::vector<Case>{
           {"no set", {}, 5, "1 2 3 4 5"},
           {"a set in the middle", {{1, 3}}, 5, "1 {2,3} 4 5"},
           {"a set at the end", {{3, 5}}, std::nullopt, "1 2 3 {4,5}"},
           {"a set of one", {{4, 5}}, std::nullopt, "1 2 3 4 {5}"},
           {"two sets side by side",
            {{1, 3}, {3, 5}},
            std::nullopt,
            "1 {2,3} {4,5}"},
       }) {
    const AsPath path(numbers, c.sets);
    EXPECT_EQ(path.origin(), c.origin) << c.why;
    EXPECT_EQ(path.ToString(), c.text) << c.why;
  }
  EXPECT_EQ(AsPath(numbers, {}).ToString(2), "1 2 ...");
  EXPECT_EQ(AsPath().origin(), std::nullopt);
}

}  // namespace
}  // namespace weir::bgp
