#include "sim/scenario.h"

#include <simdjson.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sim/incident.h"
#include "sim/message_counts.h"
#include "sim/ris_line.h"

namespace weir::sim {
namespace {

using ::testing::ElementsAre;

constexpr int64_t kBeginMs = 1789019601670;

// The first `messages` lines of a scenario at 200 messages a second.
struct Stretch {
  Stretch(uint64_t seed, uint64_t messages) {
    Scenario scenario(seed);
    for (uint64_t i = 0; i < messages; ++i) {
      std::string line;
      AppendRisLine(scenario.Next(kBeginMs + 5 * i), line);
      lines.push_back(line);
    }
    counts = scenario.counts();
    incidents = scenario.TakeEnded();
    begun = scenario.incidents_begun();
  }

  std::vector<std::string> lines;
  MessageCounts counts;
  std::vector<Incident> incidents;
  uint64_t begun = 0;
};

uint64_t& CountOf(std::string_view type, MessageCounts& counts) {
  if (type == "UPDATE") return counts.updates;
  if (type == "KEEPALIVE") return counts.keepalives;
  if (type == "OPEN") return counts.opens;
  if (type == "NOTIFICATION") return counts.notifications;
  return counts.states;
}

void CountPrefix(std::string_view prefix, uint64_t& v4, uint64_t& v6) {
  ++(prefix.find(':') == std::string_view::npos ? v4 : v6);
}

// Counts again what the lines say, by another way than they were made.
MessageCounts Recount(const std::vector<std::string>& lines) {
  MessageCounts counts;
  simdjson::dom::parser parser;
  for (const std::string& line : lines) {
    const simdjson::dom::element data = parser.parse(line)["data"];
    ++CountOf(data["type"].get_string(), counts);
    simdjson::dom::array array;
    if (!data["announcements"].get(array)) {
      for (const simdjson::dom::element group : array) {
        for (const simdjson::dom::element prefix :
             group["prefixes"].get_array()) {
          CountPrefix(prefix.get_string(), counts.announced_v4,
                      counts.announced_v6);
        }
      }
    }
    if (!data["withdrawals"].get(array)) {
      for (const simdjson::dom::element prefix : array) {
        CountPrefix(prefix.get_string(), counts.withdrawn_v4,
                    counts.withdrawn_v6);
      }
    }
  }
  return counts;
}

std::vector<std::string> KindsOf(const std::vector<Incident>& incidents) {
  std::vector<std::string> kinds;
  for (const Incident& incident : incidents) {
    kinds.emplace_back(KindName(incident.kind));
  }
  return kinds;
}

TEST(ScenarioTest, IsTheSameForTheSameSeed) {
  EXPECT_EQ(Stretch(7, 5000).lines, Stretch(7, 5000).lines);
  EXPECT_NE(Stretch(7, 5000).lines, Stretch(8, 5000).lines);
}

TEST(ScenarioTest, CountsWhatItsLinesSay) {
  const Stretch run(1, 20000);
  EXPECT_EQ(run.counts, Recount(run.lines));
  EXPECT_EQ(run.counts.messages(), 20000u);
  EXPECT_GT(run.counts.opens, 0u);
  EXPECT_GT(run.counts.notifications, 0u);
}

// The numbers themselves, so that they are known to be the same on every
// machine and with every compiler.
TEST(ScenarioTest, HasTheseCountsForTheDefaultSeed) {
  const MessageCounts counts = Stretch(1, 3000).counts;
  EXPECT_EQ(counts.updates, 2964u);
  EXPECT_EQ(counts.keepalives, 34u);
  EXPECT_EQ(counts.announced_v4, 3240u);
  EXPECT_EQ(counts.announced_v6, 1590u);
  EXPECT_EQ(counts.withdrawn_v4, 656u);
  EXPECT_EQ(counts.withdrawn_v6, 232u);
}

TEST(ScenarioTest, GoesThroughAllIncidentsInTurn) {
  const Stretch run(1,
                    Scenario::kFirstIncident + 6 * Scenario::kIncidentSpacing);
  EXPECT_THAT(KindsOf(run.incidents),
              ElementsAre("hijack.origin", "outage", "hijack.subprefix", "flap",
                          "peer.loss", "hijack.origin"));
  EXPECT_EQ(run.begun, 6u);
}

TEST(ScenarioTest, BeginsItsFirstHijackWithinThreeSecondsAtItsDefaultRate) {
  const Incident hijack = Stretch(1, 1200).incidents.at(0);
  EXPECT_EQ(hijack.prefix, "192.0.2.0/24");
  EXPECT_EQ(hijack.expected_origin, 64496u);
  EXPECT_LT(hijack.begin_ms - kBeginMs, 3000);
  EXPECT_GT(*hijack.end_ms, hijack.begin_ms);
}

// What a detector sees who knows the owners: the truth and nothing else.
TEST(ScenarioTest, ShowsAWrongOriginInHijacksAlone) {
  const Stretch run(3, 40000);
  std::map<std::pair<std::string, uint64_t>, uint64_t> want;
  for (const Incident& incident : run.incidents) {
    if (incident.offending_origin == 0) continue;
    const std::string prefix = incident.offending_prefix.empty()
                                   ? incident.prefix
                                   : incident.offending_prefix;
    want[{prefix, incident.offending_origin}] += incident.peers;
  }

  std::map<std::pair<std::string, uint64_t>, uint64_t> got;
  const std::set<uint64_t> offenders = {64510, 64511, 65550, 65551};
  simdjson::dom::parser parser;
  for (const std::string& line : run.lines) {
    const simdjson::dom::element data = parser.parse(line)["data"];
    simdjson::dom::array path;
    if (data["path"].get(path) || path.size() == 0) continue;
    uint64_t origin = 0;
    if (path.at(path.size() - 1).get(origin)) continue;
    if (offenders.count(origin) == 0) continue;
    const std::string_view prefix =
        data["announcements"].at(0)["prefixes"].at(0).get_string();
    ++got[{std::string(prefix), origin}];
  }
  EXPECT_FALSE(want.empty());
  EXPECT_EQ(got, want);
}

TEST(ScenarioTest, SaysNothingOfAPeerThatIsDownButItsLoss) {
  const Stretch run(5, 40000);
  std::set<std::string> down;
  int losses = 0;
  simdjson::dom::parser parser;
  for (const std::string& line : run.lines) {
    const simdjson::dom::element data = parser.parse(line)["data"];
    const std::string peer(data["peer"].get_string().value());
    const std::string_view type = data["type"].get_string();
    if (type == "STATE") {
      const std::string_view state = data["state"].get_string();
      if (state == "down") down.insert(peer);
      if (state == "up") down.erase(peer);
      losses += state == "down" ? 1 : 0;
    } else if (type == "UPDATE" && down.count(peer) > 0) {
      EXPECT_EQ(data["announcements"].get_array().size(), 0u) << line;
    }
  }
  EXPECT_GT(losses, 10);
  EXPECT_TRUE(down.empty());
}

TEST(ScenarioTest, GivesEachMessageAnIdOfItsOwn) {
  std::set<std::string> ids;
  simdjson::dom::parser parser;
  for (const std::string& line : Stretch(1, 20000).lines) {
    ids.emplace(parser.parse(line)["data"]["id"].get_string().value());
  }
  EXPECT_EQ(ids.size(), 20000u);
}

TEST(ScenarioTest, SendsBgpMessagesThatAreAsLongAsTheySay) {
  simdjson::dom::parser parser;
  int checked = 0;
  for (const std::string& line : Stretch(1, 20000).lines) {
    std::string_view raw;
    if (parser.parse(line)["data"]["raw"].get(raw)) continue;
    ASSERT_EQ(raw.substr(0, 32), std::string(32, 'F')) << line;
    const size_t length =
        std::stoul(std::string(raw.substr(32, 4)), nullptr, 16);
    ASSERT_EQ(length * 2, raw.size()) << line;
    ASSERT_LE(length, 4096u) << line;
    ++checked;
  }
  EXPECT_GT(checked, 19000);
}

TEST(ScenarioTest, TellsTheTruthAsJson) {
  Incident incident;
  incident.prefix = "192.0.2.0/24";
  incident.expected_origin = 64496;
  incident.offending_origin = 64510;
  incident.begin_ms = 1789019601670;
  incident.messages = 3;
  incident.peers = 2;
  EXPECT_EQ(TruthLine("a\"b", incident),
            R"({"client":"a\"b","kind":"hijack.origin",)"
            R"("prefix":"192.0.2.0/24","expected_origin":64496,)"
            R"("offending_origin":64510,"begin_timestamp":1789019601.670,)"
            R"("end_timestamp":null,"messages":3,"peers":2})"
            "\n");
}

}  // namespace
}  // namespace weir::sim
