// Journals that earlier versions have written, as they were committed to
// tests/fixtures/journals then: each must open and replay, for ever, and say
// what its .jsonl says, byte for byte. make_golden_journal.cc made them.
#include <sqlite3.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/broker/sqlite_journal.h"
#include "tests/component/journal_replay.h"
#include "tests/fakes/fake_clock.h"
#include "tests/support/short_temp_dir.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

constexpr char kJournals[] = "tests/fixtures/journals/";

class GoldenJournalTest : public testing::TestWithParam<const char*> {
 protected:
  GoldenJournalTest() {
    std::filesystem::copy_file(absl::StrCat(kJournals, GetParam(), ".db"),
                               path_);
    std::filesystem::permissions(path_,
                                 std::filesystem::perms::owner_read |
                                     std::filesystem::perms::owner_write);
    // A day later: the subscription has not expired.
    clock_.Advance(absl::FromUnixSeconds(1789106000) - absl::UnixEpoch());
  }

  static std::vector<std::string> Expected() {
    std::ifstream file(absl::StrCat(kJournals, GetParam(), ".jsonl"));
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }

  // Runs SQL on the copy, from outside.
  void Run(const std::string& sql) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr),
              SQLITE_OK);
    sqlite3_close(database);
  }

  const ShortTempDir dir_;
  const std::string path_ = absl::StrCat(dir_.path(), "/journal.db");
  FakeClock clock_;
};

INSTANTIATE_TEST_SUITE_P(Formats, GoldenJournalTest, testing::Values("format1"),
                         [](const auto& format) { return format.param; });

TEST_P(GoldenJournalTest, SaysWhatItSaidWhenItWasWritten) {
  const std::vector<std::string> expected = Expected();
  ASSERT_THAT(expected, SizeIs(41)) << "40 events and a gap";
  JournaledHost host(path_, "boot-3", clock_);
  ASSERT_THAT(host.status(), IsOk());
  EXPECT_EQ(host.Replay("7k2mq9xv-0"), expected);
  const std::vector<std::string> tail(expected.end() - 5, expected.end());
  EXPECT_EQ(host.Replay("7k2mq9xv-10005"), tail);
}

TEST_P(GoldenJournalTest, KeepsItsSubscription) {
  JournaledHost host(path_, "boot-3", clock_);
  ASSERT_THAT(host.status(), IsOk());
  const auto noc = host.subscriptions().Get("subscriptions/noc");
  ASSERT_THAT(noc, IsOk());
  EXPECT_EQ(noc->display_name, "golden");
  EXPECT_EQ(noc->ack_cursor, "7k2mq9xv-5");
  ASSERT_THAT(noc->filters, SizeIs(1));
  EXPECT_THAT(noc->filters[0].types, testing::ElementsAre("hijack.*"));
  EXPECT_EQ(noc->labels.at("team"), "noc");
}

TEST_P(GoldenJournalTest, GoesOn) {
  for (int life = 0; life < 2; ++life) {
    JournaledHost host(path_, "boot-3", clock_);
    ASSERT_THAT(host.status(), IsOk());
    Event event;
    event.type = "a.b";
    event.source = "host";
    ASSERT_THAT(host.broker().Publish(std::move(event)), IsOk());
    host.log().Step();
    EXPECT_EQ(host.broker().Info().latest_id,
              absl::StrCat("7k2mq9xv-", 10011 + life));
    EXPECT_THAT(host.Replay("7k2mq9xv-0"), SizeIs(42 + life));
  }
}

TEST_P(GoldenJournalTest, IsRefusedIfANewerWeirHadIt) {
  Run(absl::StrCat("UPDATE meta SET v = ", SqliteJournal::kFormat + 1,
                   " WHERE k = 'format'"));
  const JournaledHost host(path_, "boot-3", clock_);
  EXPECT_THAT(host.status(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                      HasSubstr("written by a newer weir")));
}

}  // namespace
}  // namespace weir
