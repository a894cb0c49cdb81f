#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "simdjson.h"
#include "tests/support/bgp_message.h"
#include "tests/support/elf_file.h"
#include "tests/support/loaded_plugin.h"
#include "tests/support/plugin_instance.h"
#include "weir/plugin_abi.h"
#include "weir/testing.h"

namespace weir {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

constexpr char kPath[] = "plugins/counts/counts.so";

class CountsTest : public testing::Test {
 protected:
  CountsTest() { host_.NameTypes(BgpMessage::TypeNames()); }

  void Start(std::string_view config = "{}") {
    counts_.emplace(kPath, host_.table(), config);
    ASSERT_EQ(counts_->status(), WEIR_OK) << counts_->error();
  }
  // Ends the instance, which makes it tell its last totals.
  void End() { counts_.reset(); }

  void Handle(BgpMessage message, int times = 1) {
    const weir_msg* const view = message.view();
    for (int i = 0; i < times; ++i) {
      ASSERT_EQ(counts_->Handle(view), WEIR_OK);
    }
  }

  // The number at a JSON pointer in the last summary.
  uint64_t Last(std::string_view pointer) {
    const simdjson::padded_string json(host_.emitted().back().json);
    return uint64_t{parser_.parse(json).at_pointer(pointer)};
  }

  static BgpMessage Update(std::string_view peer = "192.0.2.1") {
    return BgpMessage().From("rrc00", peer, 64499);
  }

  FakeHost host_;
  simdjson::dom::parser parser_;
  std::optional<PluginInstance> counts_;
};

TEST(CountsFileTest, ExportsItsEntryAndNothingElse) {
  EXPECT_THAT(ElfFile(kPath).ExportedSymbols(),
              ElementsAre("weir_plugin_entry_v1"));
}

TEST(CountsFileTest, IsGoneOnceItIsClosed) {
  {
    const LoadedPlugin library(kPath);
    ASSERT_NE(library.Enter(1), nullptr);
    EXPECT_TRUE(LoadedPlugin::IsMapped(kPath));
  }
  EXPECT_FALSE(LoadedPlugin::IsMapped(kPath));
}

TEST_F(CountsTest, TellsItsTotalsWhenItEnds) {
  Start();
  Handle(Update()
             .Announce("192.0.2.0/24", "192.0.2.1")
             .Announce("198.51.100.0/24", "192.0.2.1")
             .Announce("2001:db8::/32", "2001:db8::1")
             .Withdraw("203.0.113.0/24"));
  Handle(Update().Withdraw("2001:db8:1::/48").Withdraw("2001:db8:2::/48"));
  Handle(BgpMessage(BgpMessage::kKeepalive).From("rrc00", "192.0.2.1", 64499));
  End();

  ASSERT_THAT(host_.emitted(), SizeIs(1));
  EXPECT_EQ(host_.emitted()[0].kind, "counts.summary");
  EXPECT_EQ(host_.emitted()[0].subject, "total");
  EXPECT_EQ(Last("/messages"), 3u);
  EXPECT_EQ(Last("/types/UPDATE"), 2u);
  EXPECT_EQ(Last("/types/KEEPALIVE"), 1u);
  EXPECT_EQ(Last("/announced_v4"), 2u);
  EXPECT_EQ(Last("/announced_v6"), 1u);
  EXPECT_EQ(Last("/withdrawn_v4"), 1u);
  EXPECT_EQ(Last("/withdrawn_v6"), 2u);
  EXPECT_THAT(host_.emitted()[0].json, HasSubstr("\"final\":true"));
}

TEST_F(CountsTest, TellsCollectorsAndTheBusiestPeersApart) {
  Start(R"({"top_peers": 2})");
  Handle(Update("192.0.2.1").Announce("192.0.2.0/24", "192.0.2.1"), 2);
  Handle(Update("192.0.2.2"), 3);
  Handle(Update("192.0.2.3"), 1);
  Handle(BgpMessage().From("rrc01", "192.0.2.2", 64500), 4);
  End();

  EXPECT_EQ(Last("/collectors/rrc00/messages"), 6u);
  EXPECT_EQ(Last("/collectors/rrc00/announced_v4"), 2u);
  EXPECT_EQ(Last("/collectors/rrc01/messages"), 4u);
  EXPECT_EQ(Last("/peers"), 4u);
  EXPECT_EQ(Last("/top_peers/0/messages"), 4u);
  EXPECT_EQ(Last("/top_peers/0/peer_asn"), 64500u);
  EXPECT_EQ(Last("/top_peers/1/messages"), 3u);
  EXPECT_THAT(host_.emitted().back().json,
              HasSubstr(R"({"collector":"rrc00","peer":"192.0.2.2")"));
}

TEST_F(CountsTest, TellsTheTotalsAfterSoManyMessages) {
  Start(R"({"interval_messages": 10, "interval_seconds": 0})");
  Handle(Update(), 9);
  EXPECT_THAT(host_.emitted(), SizeIs(0));
  Handle(Update(), 11);
  EXPECT_THAT(host_.emitted(), SizeIs(2));
  EXPECT_EQ(Last("/messages"), 20u);
}

TEST_F(CountsTest, TellsTheTotalsAfterSoMuchTimeOfTheHost) {
  Start(R"({"interval_seconds": 10})");
  Handle(Update().At(1000));
  Handle(Update().At(1009));
  EXPECT_THAT(host_.emitted(), SizeIs(0));
  Handle(Update().At(1010));
  EXPECT_THAT(host_.emitted(), SizeIs(1));
  EXPECT_EQ(host_.emitted()[0].time_ns, 1010'000'000'000);
}

TEST_F(CountsTest, WantsEveryTypeAlsoThoseItDoesNotKnowButNotRaw) {
  Start();
  EXPECT_TRUE(counts_->Wants("UPDATE"));
  EXPECT_TRUE(counts_->Wants("SOMETHING_NEW"));
  EXPECT_FALSE(counts_->Wants("RAW"));
}

TEST_F(CountsTest, StaysBelowTheLimitOfAnEventWhateverArrives) {
  std::vector<std::string> types;
  for (int i = 0; i < 1000; ++i) {
    types.push_back(std::string(50, 'T') + std::to_string(i));
  }
  host_.NameTypes(types);
  Start(R"({"top_peers": 50})");
  for (uint16_t i = 0; i < 1000; ++i) {
    const std::string quotes(60, '"');
    Handle(BgpMessage(i).From(
        quotes + std::to_string(i),
        "2001:db8:1111:2222:3333:4444:5555:" + std::to_string(i), 4294967295u));
  }
  Handle(BgpMessage(5).From(std::string(100'000, 'x'), "192.0.2.1", 1));
  End();

  EXPECT_LT(host_.emitted()[0].json.size(), 60u * 1024);
  EXPECT_EQ(Last("/messages"), 1001u);
  EXPECT_EQ(Last("/types/OTHER"), 1000u - 63);
  EXPECT_EQ(Last("/collectors/other/messages"), 1001u - 63);
}

TEST_F(CountsTest, NamesEveryFaultOfItsSettings) {
  const PluginInstance refused(
      kPath, host_.table(),
      R"({"interval_messages": -1, "interval_seconds": "10", "peers": 3})");
  EXPECT_NE(refused.status(), WEIR_OK);
  EXPECT_THAT(
      refused.error(),
      AllOf(HasSubstr("interval_messages: -1; must be a whole number from 0"),
            HasSubstr("interval_seconds: \"10\"; must be a whole number"),
            HasSubstr("peers: no such setting; there are interval_messages, "
                      "interval_seconds, top_peers")));
}

}  // namespace
}  // namespace weir
