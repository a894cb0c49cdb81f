#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/bgp_message.h"
#include "tests/support/elf_file.h"
#include "tests/support/plugin_instance.h"
#include "weir/message_fields.h"
#include "weir/plugin_abi.h"
#include "weir/testing.h"

namespace weir {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr char kPath[] = "plugins/origin_watch/origin_watch.so";

class OriginWatchTest : public testing::Test {
 protected:
  void Start(std::string_view config) {
    watch_.emplace(kPath, host_.table(), config);
    ASSERT_EQ(watch_->status(), WEIR_OK) << watch_->error();
  }
  void StartWithOnePrefix() {
    Start(R"({"watch": [{"prefix": "192.0.2.0/24", "origins": [64496]}]})");
  }

  void Handle(BgpMessage message) {
    ASSERT_EQ(watch_->Handle(message.view()), WEIR_OK);
  }
  // A neighbour of the collector says that `origin` originates `prefix`.
  void Announce(std::string_view prefix, uint32_t origin,
                std::string_view peer = "198.51.100.1",
                int64_t seconds = 1000) {
    Handle(BgpMessage()
               .From("rrc00", peer, 64499)
               .Id("00-7")
               .Path({64499, 64498, origin})
               .Announce(prefix, "198.51.100.9")
               .At(seconds));
  }
  void Withdraw(std::string_view prefix, std::string_view peer = "198.51.100.1",
                int64_t seconds = 1060) {
    Handle(
        BgpMessage().From("rrc00", peer, 64499).Withdraw(prefix).At(seconds));
  }

  // "hijack.origin 192.0.2.0/24" of each event.
  std::vector<std::string> Told() const {
    std::vector<std::string> told;
    for (const FakeHost::Event& event : host_.emitted()) {
      told.push_back(event.kind + ' ' + event.subject);
    }
    return told;
  }

  FakeHost host_;
  std::optional<PluginInstance> watch_;
};

TEST(OriginWatchFileTest, ExportsItsEntryAndNothingElse) {
  EXPECT_THAT(ElfFile(kPath).ExportedSymbols(),
              ElementsAre("weir_plugin_entry_v1"));
}

TEST_F(OriginWatchTest, TellsEverythingAboutAHijack) {
  Start(R"({"watch": [{"prefix": "192.0.2.0/24", "origins": [64496],
                       "name": "office"}]})");
  Announce("192.0.2.0/24", 64500);

  ASSERT_THAT(host_.emitted(), SizeIs(1));
  const FakeHost::Event& event = host_.emitted()[0];
  EXPECT_EQ(event.kind, "hijack.origin");
  EXPECT_EQ(event.subject, "192.0.2.0/24");
  EXPECT_EQ(event.severity, WEIR_SEVERITY_ERROR);
  EXPECT_EQ(event.time_ns, 1000'000'000'000);
  EXPECT_EQ(event.json,
            R"({"text":"originated by AS64500, expected AS64496",)"
            R"("prefix":"192.0.2.0/24","watched":"192.0.2.0/24",)"
            R"("name":"office","origin":64500,"expected":[64496],)"
            R"("peers_seen":1,"path":"64499 64498 64500",)"
            R"("peer":"198.51.100.1","peer_asn":64499,"collector":"rrc00",)"
            R"("message_id":"00-7","next_hop":"198.51.100.9"})");
  EXPECT_THAT(event.as_numbers, ElementsAre(64500, 64496));
  ASSERT_THAT(event.prefixes, SizeIs(1));
  EXPECT_EQ(event.prefixes[0].length, 24);
  EXPECT_THAT(event.labels, ElementsAre(testing::Pair("name", "office")));
}

TEST_F(OriginWatchTest, JudgesPrefixAndOrigin) {
  struct Case {
    const char* why;
    const char* prefix;
    std::vector<uint32_t> path;
    std::vector<weir_range> sets;
    const char* kind;  // Empty: nothing is told.
    const char* text;
  };
  for (const Case& c : std::vector<Case>{
           {"the right origin", "192.0.2.0/24", {1, 64496}, {}, "", ""},
           {"the other right one", "192.0.2.0/24", {1, 64497}, {}, "", ""},
           {"a wrong one",
            "192.0.2.0/24",
            {1, 64500},
            {},
            "hijack.origin",
            "originated by AS64500, expected AS64496,AS64497"},
           {"a right AS that is not the origin",
            "192.0.2.0/24",
            {64496, 64500},
            {},
            "hijack.origin",
            "originated by AS64500"},
           {"a wrong one of a more specific",
            "192.0.2.128/25",
            {1, 64500},
            {},
            "hijack.subprefix",
            "a more specific of 192.0.2.0/24, originated by AS64500"},
           {"the right origin of a more specific",
            "192.0.2.128/25",
            {1, 64496},
            {},
            "",
            ""},
           {"a less specific", "192.0.0.0/16", {1, 64500}, {}, "", ""},
           {"another prefix", "192.0.3.0/24", {1, 64500}, {}, "", ""},
           {"up to max_length", "198.51.100.0/24", {1, 64500}, {}, "", ""},
           {"beyond max_length",
            "198.51.100.0/25",
            {1, 64500},
            {},
            "hijack.subprefix",
            "a more specific of 198.51.0.0/16"},
           {"max_length is not about the prefix itself",
            "198.51.0.0/16",
            {1, 64500},
            {},
            "hijack.origin",
            "originated by AS64500"},
           {"inside two watched ones, the most specific decides",
            "198.51.200.0/24",
            {1, 64510},
            {},
            "",
            ""},
           {"IPv6",
            "2001:db8:1::/48",
            {1, 64500},
            {},
            "hijack.subprefix",
            "a more specific of 2001:db8::/32"},
           {"a set of right ones",
            "192.0.2.0/24",
            {1, 64496, 64497},
            {{1, 3}},
            "",
            ""},
           {"a set with a wrong one",
            "192.0.2.0/24",
            {1, 64500, 64496},
            {{1, 3}},
            "hijack.origin",
            "originated by AS_SET {AS64496,AS64500} with unexpected AS64500"},
           {"no path at all", "192.0.2.0/24", {}, {}, "", ""},
       }) {
    FakeHost host;
    PluginInstance watch(kPath, host.table(), R"({"watch": [
        {"prefix": "192.0.2.0/24", "origins": [64497, 64496]},
        {"prefix": "198.51.0.0/16", "origins": [64496], "max_length": 24},
        {"prefix": "198.51.200.0/24", "origins": [64510]},
        {"prefix": "2001:db8::/32", "origins": [64496]}]})");
    BgpMessage message;
    message.From("rrc00", "192.0.2.1", 1).Path(c.path, c.sets);
    message.Announce(c.prefix, "192.0.2.1");
    ASSERT_EQ(watch.Handle(message.view()), WEIR_OK) << c.why;
    ASSERT_EQ(host.emitted().size(), c.kind[0] == '\0' ? 0u : 1u) << c.why;
    if (c.kind[0] == '\0') continue;
    EXPECT_EQ(host.emitted()[0].kind, c.kind) << c.why;
    EXPECT_THAT(host.emitted()[0].json, HasSubstr(c.text)) << c.why;
  }
}

TEST_F(OriginWatchTest, TellsOfAHijackOnceHoweverManyPeersSeeIt) {
  StartWithOnePrefix();
  Announce("192.0.2.0/24", 64500, "198.51.100.1");
  Announce("192.0.2.0/24", 64500, "198.51.100.2");
  Announce("192.0.2.0/24", 64500, "198.51.100.1");
  EXPECT_THAT(Told(), ElementsAre("hijack.origin 192.0.2.0/24"));
}

TEST_F(OriginWatchTest, TellsApartOriginsAndMoreSpecifics) {
  StartWithOnePrefix();
  Announce("192.0.2.0/24", 64500, "198.51.100.1");
  Announce("192.0.2.0/24", 64501, "198.51.100.2");
  Announce("192.0.2.0/25", 64500, "198.51.100.1");
  EXPECT_THAT(Told(), ElementsAre("hijack.origin 192.0.2.0/24",
                                  "hijack.origin 192.0.2.0/24",
                                  "hijack.subprefix 192.0.2.0/25"));
}

TEST_F(OriginWatchTest, RemindsAfterTheRepeatInterval) {
  Start(R"({"watch": [{"prefix": "192.0.2.0/24", "origins": [64496]}],
            "repeat_interval_s": 60})");
  Announce("192.0.2.0/24", 64500, "198.51.100.1", 1000);
  Announce("192.0.2.0/24", 64500, "198.51.100.1", 1059);
  EXPECT_THAT(host_.emitted(), SizeIs(1));
  Announce("192.0.2.0/24", 64500, "198.51.100.2", 1060);
  ASSERT_THAT(host_.emitted(), SizeIs(2));
  EXPECT_THAT(host_.emitted()[1].json, HasSubstr("\"peers_seen\":2"));
}

TEST_F(OriginWatchTest, TellsTheEndWhenTheLastPeerHasWithdrawn) {
  StartWithOnePrefix();
  Announce("192.0.2.0/24", 64500, "198.51.100.1");
  Announce("192.0.2.0/24", 64500, "198.51.100.2");
  Withdraw("192.0.2.0/24", "198.51.100.1");
  EXPECT_THAT(host_.emitted(), SizeIs(1));
  Withdraw("192.0.2.0/24", "198.51.100.3");
  EXPECT_THAT(host_.emitted(), SizeIs(1)) << "that one never had it";
  Withdraw("192.0.2.0/24", "198.51.100.2");

  ASSERT_THAT(host_.emitted(), SizeIs(2));
  EXPECT_EQ(host_.emitted()[1].kind, "hijack.end");
  EXPECT_THAT(
      host_.emitted()[1].json,
      AllOf(HasSubstr("no longer originated by AS64500"),
            HasSubstr("\"peers_seen\":2"), HasSubstr("\"why\":\"withdrawn\""),
            HasSubstr("\"duration_s\":60")));
}

TEST_F(OriginWatchTest, TellsTheEndWhenThePeerHasTheRightOriginAgain) {
  StartWithOnePrefix();
  Announce("192.0.2.0/24", 64500);
  Announce("192.0.2.0/24", 64496);
  EXPECT_THAT(Told(), ElementsAre("hijack.origin 192.0.2.0/24",
                                  "hijack.end 192.0.2.0/24"));
  EXPECT_THAT(host_.emitted()[1].json, HasSubstr("\"why\":\"replaced\""));
}

TEST_F(OriginWatchTest, TellsTheEndOfOneHijackWhenAnotherReplacesIt) {
  StartWithOnePrefix();
  Announce("192.0.2.0/24", 64500);
  Announce("192.0.2.0/24", 64501);
  EXPECT_THAT(Told(), ElementsAre("hijack.origin 192.0.2.0/24",
                                  "hijack.end 192.0.2.0/24",
                                  "hijack.origin 192.0.2.0/24"));
}

TEST_F(OriginWatchTest, TellsTheEndWhenThePeersSessionIsDown) {
  StartWithOnePrefix();
  Announce("192.0.2.0/24", 64500);
  Handle(BgpMessage(BgpMessage::kState)
             .From("rrc00", "198.51.100.1", 64499)
             .State("connected"));
  EXPECT_THAT(host_.emitted(), SizeIs(1));
  Handle(BgpMessage(BgpMessage::kState)
             .From("rrc00", "198.51.100.1", 64499)
             .State("down"));
  ASSERT_THAT(host_.emitted(), SizeIs(2));
  EXPECT_THAT(host_.emitted()[1].json, HasSubstr("\"why\":\"peer_down\""));
}

TEST_F(OriginWatchTest, TellsOfAHijackAgainWhenItComesBack) {
  StartWithOnePrefix();
  Announce("192.0.2.0/24", 64500);
  Withdraw("192.0.2.0/24");
  Announce("192.0.2.0/24", 64500);
  EXPECT_THAT(Told(), ElementsAre("hijack.origin 192.0.2.0/24",
                                  "hijack.end 192.0.2.0/24",
                                  "hijack.origin 192.0.2.0/24"));
}

TEST_F(OriginWatchTest, TriesAgainWhatTheHostDidNotTake) {
  StartWithOnePrefix();
  host_.AnswerEmitsWith(WEIR_AGAIN);
  Announce("192.0.2.0/24", 64500);
  host_.AnswerEmitsWith(WEIR_OK);
  EXPECT_THAT(host_.emitted(), IsEmpty());
  Announce("192.0.2.0/24", 64500);
  EXPECT_THAT(Told(), ElementsAre("hijack.origin 192.0.2.0/24"));
}

TEST_F(OriginWatchTest, ForgetsTheAlarmSeenLeastRecentlyWhenThereAreTooMany) {
  Start(R"({"watch": [{"prefix": "192.0.2.0/24", "origins": [64496]}],
            "max_alarms": 2})");
  Announce("192.0.2.0/26", 64500);
  Announce("192.0.2.64/26", 64500);
  Announce("192.0.2.0/26", 64500);
  Announce("192.0.2.128/26", 64500);
  EXPECT_THAT(host_.logged(), ElementsAre(HasSubstr("max_alarms")));
  EXPECT_THAT(host_.emitted(), SizeIs(3));
  Announce("192.0.2.0/26", 64500);
  EXPECT_THAT(host_.emitted(), SizeIs(3)) << "it was seen recently";
  Announce("192.0.2.64/26", 64500);
  EXPECT_THAT(host_.emitted(), SizeIs(4));
}

TEST_F(OriginWatchTest, WantsNothingAndSaysSoWithoutAnythingToWatch) {
  Start("{}");
  EXPECT_FALSE(watch_->Wants("UPDATE"));
  EXPECT_THAT(host_.logged(), ElementsAre(HasSubstr("watches nothing")));
}

TEST_F(OriginWatchTest, WantsUpdatesAndStates) {
  StartWithOnePrefix();
  EXPECT_TRUE(watch_->Wants("UPDATE"));
  EXPECT_TRUE(watch_->Wants("STATE"));
  EXPECT_FALSE(watch_->Wants("RAW"));
}

TEST_F(OriginWatchTest, RefusesSettingsNamingTheKeyAndTheBound) {
  struct Case {
    const char* why;
    const char* config;
    std::vector<const char*> want;
  };
  for (const Case& c : std::vector<Case>{
           {"no JSON", "{", {"configuration: "}},
           {"no object", "[]", {"configuration: must be a JSON object"}},
           {"watch is no list",
            R"({"watch": {}})",
            {"watch: must be an array of at most 10000"}},
           {"no prefix",
            R"({"watch": [{"origins": [1]}]})",
            {"watch[0].prefix: missing"}},
           {"host bits",
            R"({"watch": [{"prefix": "192.0.2.1/24", "origins": [1]}]})",
            {"watch[0].prefix: \"192.0.2.1/24\"", "did you mean 192.0.2.0/24"}},
           {"no origin",
            R"({"watch": [{"prefix": "192.0.2.0/24", "origins": []}]})",
            {"watch[0].origins: must be an array of 1 to 32 AS numbers"}},
           {"an origin out of range",
            R"({"watch": [{"prefix": "192.0.2.0/24",
                           "origins": [1, 4294967296]}]})",
            {"watch[0].origins[1]: 4294967296", "0 to 4294967295"}},
           {"max_length below the prefix's",
            R"({"watch": [{"prefix": "192.0.2.0/24", "origins": [1],
                           "max_length": 23}]})",
            {"watch[0].max_length: 23", "from 24 to 32"}},
           {"twice the same",
            R"({"watch": [{"prefix": "192.0.2.0/24", "origins": [1]},
                          {"prefix": "192.0.2.0/24", "origins": [2]}]})",
            {"watch[1].prefix: 192.0.2.0/24 is watched already"}},
           {"several at once",
            R"({"watch": [{"prefix": 5, "origin": [1]}],
                "repeat_interval_s": 1})",
            {"watch[0].prefix: 5; must be text", "watch[0].origins: must be",
             "watch[0].origin: no such setting; there are",
             "repeat_interval_s: 1; must be a whole number from 60"}},
       }) {
    const PluginInstance refused(kPath, host_.table(), c.config);
    EXPECT_NE(refused.status(), WEIR_OK) << c.why;
    for (const char* want : c.want) {
      EXPECT_THAT(refused.error(), HasSubstr(want)) << c.why;
    }
  }
}

}  // namespace
}  // namespace weir
