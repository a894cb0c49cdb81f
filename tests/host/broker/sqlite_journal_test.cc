#include "host/broker/sqlite_journal.h"

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/broker/crc32c.h"
#include "host/broker/journal_reader.h"
#include "host/broker/journal_records.h"
#include "tests/support/short_temp_dir.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr char kBody[] = "0123456789";

TEST(Crc32cTest, IsCastagnoliByInstructionAndByTable) {
  // The check value of the polynomial, and a test vector of RFC 3720.
  EXPECT_EQ(ExtendCrc32c(0, "123456789"), 0xe3069283u);
  EXPECT_EQ(ExtendCrc32cByTable(0, "123456789"), 0xe3069283u);
  EXPECT_EQ(ExtendCrc32c(0, std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(ExtendCrc32cByTable(0, std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(ExtendCrc32c(ExtendCrc32c(0, "1234"), "56789"), 0xe3069283u);
}

class SqliteJournalTest : public testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<SqliteJournal>> TryOpen(
      const std::string& boot_id = "boot-1", bool full_sync = false) {
    SqliteJournalOptions options;
    options.path = path_;
    options.boot_id = boot_id;
    options.full_sync = full_sync;
    options.new_epoch = absl::StrCat("7k2mq9x", opened_++ % 10);
    return SqliteJournal::Open(options);
  }
  std::unique_ptr<SqliteJournal> Open(const std::string& boot_id = "boot-1",
                                      bool full_sync = false) {
    auto journal = TryOpen(boot_id, full_sync);
    EXPECT_THAT(journal, IsOk());
    return *std::move(journal);
  }

  static JournalBatch Rows(uint64_t first, uint32_t n, int64_t t = 100) {
    JournalBatch batch;
    batch.rows.push_back({first, n, t, t + n - 1, kBody});
    return batch;
  }

  // Runs SQL on the file, from outside.
  void Run(const std::string& sql) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &database), SQLITE_OK);
    char* error = nullptr;
    EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, &error),
              SQLITE_OK)
        << error;
    sqlite3_close(database);
  }

  const ShortTempDir dir_;
  std::string path_ = absl::StrCat(dir_.path(), "/journal.db");
  int opened_ = 0;
  int damaged_ = 0;
};

TEST_F(SqliteJournalTest, BeginsALogAndGoesOnWithIt) {
  {
    const auto journal = Open();
    EXPECT_EQ(journal->contents().epoch, "7k2mq9x0");
    EXPECT_EQ(journal->contents().last, 0u);
    EXPECT_EQ(journal->contents().earliest, 1u);
    EXPECT_THAT(journal->Commit(Rows(1, 3)), IsOk());
    EXPECT_THAT(journal->Close(), IsOk());
  }
  const auto journal = Open();
  EXPECT_EQ(journal->contents().epoch, "7k2mq9x0") << "the file keeps it";
  EXPECT_EQ(journal->contents().last, 3u);
  EXPECT_EQ(journal->contents().earliest, 1u);
  EXPECT_EQ(journal->contents().last_time, absl::FromUnixNanos(102));
  EXPECT_THAT(journal->contents().holes, IsEmpty());
}

TEST_F(SqliteJournalTest, GoesOnWhereItWasAfterAKill) {
  { EXPECT_THAT(Open()->Commit(Rows(1, 3)), IsOk()); }
  const auto journal = Open();
  EXPECT_EQ(journal->contents().last, 3u);
  EXPECT_THAT(journal->contents().holes, IsEmpty());
}

TEST_F(SqliteJournalTest, JumpsPastTheReservationWhenTheMachineWentDown) {
  { EXPECT_THAT(Open("boot-1")->Commit(Rows(1, 3)), IsOk()); }
  const auto journal = Open("boot-2");
  EXPECT_EQ(journal->contents().last, SqliteJournal::kReserve);
  ASSERT_THAT(journal->contents().holes, SizeIs(1));
  EXPECT_EQ(journal->contents().holes[0].first, 4u);
  EXPECT_EQ(journal->contents().holes[0].last, SqliteJournal::kReserve);
  EXPECT_EQ(journal->contents().holes[0].reason,
            StreamItem::GapReason::kUncleanShutdown);
}

TEST_F(SqliteJournalTest, KeepsTheReservationAheadOfWhatIsCommitted) {
  uint64_t first = 1;
  {
    const auto journal = Open("boot-1");
    for (; first < 3 * SqliteJournal::kReserve; first += 256) {
      ASSERT_THAT(journal->Commit(Rows(first, 256)), IsOk());
    }
  }
  // As if the newest commits had not reached the disk.
  Run("DELETE FROM chunk WHERE first > 25000");
  const auto journal = Open("boot-2");
  EXPECT_GE(journal->contents().last, first - 1) << "all of these were seen";
}

TEST_F(SqliteJournalTest, DoesNotJumpWhereCommitsWaitForTheDisk) {
  { EXPECT_THAT(Open("boot-1", true)->Commit(Rows(1, 3)), IsOk()); }
  EXPECT_EQ(Open("boot-2", true)->contents().last, 3u);
}

TEST_F(SqliteJournalTest, DoesNotJumpAfterACleanEnd) {
  {
    const auto journal = Open("boot-1");
    EXPECT_THAT(journal->Commit(Rows(1, 3)), IsOk());
    EXPECT_THAT(journal->Close(), IsOk());
  }
  EXPECT_EQ(Open("boot-2")->contents().last, 3u);
}

TEST_F(SqliteJournalTest, JumpsFarIfEventsWereShownThatAreNotInIt) {
  {
    const auto journal = Open();
    EXPECT_THAT(journal->Commit(Rows(1, 3)), IsOk());
    EXPECT_THAT(journal->SetIntact(false), IsOk());
  }
  {
    const auto journal = Open();
    EXPECT_EQ(journal->contents().last, 3 + SqliteJournal::kDegradedNumbers);
  }
  EXPECT_EQ(Open()->contents().last, 3 + SqliteJournal::kDegradedNumbers)
      << "only once";
}

TEST_F(SqliteJournalTest, ReadsBackRowsAndFindsThemByTime) {
  const auto journal = Open();
  for (int i = 0; i < 100; ++i) {
    ASSERT_THAT(journal->Commit(Rows(1 + 3 * i, 3, 1000 * i)), IsOk());
  }
  const auto reader = journal->OpenReader();
  ASSERT_THAT(reader, IsOk());
  auto rows = (*reader)->Read(5, 1 << 20);
  ASSERT_THAT(rows, IsOk());
  ASSERT_THAT(*rows, SizeIs(JournalReader::kRowsPerRead));
  EXPECT_EQ(rows->front().first, 4u) << "the row that 5 is in";
  EXPECT_TRUE(rows->front().sound);
  EXPECT_EQ(rows->front().body, kBody);
  rows = (*reader)->Read(5, 11);
  EXPECT_THAT(*rows, SizeIs(2)) << "no more once it has so many bytes";
  rows = (*reader)->Read(301, 1 << 20);
  EXPECT_THAT(*rows, IsEmpty());
  auto at = (*reader)->ReadAt(absl::FromUnixNanos(5003));
  ASSERT_THAT(at, IsOk());
  EXPECT_EQ(at->row.value().first, 19u);
  EXPECT_EQ(at->before, 18u);
  Run("UPDATE chunk SET crc = crc + 1 WHERE first IN (16, 19)");
  at = (*reader)->ReadAt(absl::FromUnixNanos(5003));
  EXPECT_EQ(at->row.value().first, 22u) << "the next that is sound";
  EXPECT_EQ(at->before, 15u) << "and where it may have begun";
  at = (*reader)->ReadAt(absl::FromUnixNanos(1'000'000));
  EXPECT_FALSE(at->row.has_value());
  EXPECT_EQ(at->before, 300u);
}

TEST_F(SqliteJournalTest, OpensWhateverIsDamagedAndGivesNoNumberTwice) {
  for (const char* const damage :
       {"UPDATE chunk SET first = -7 WHERE first = 1",
        "UPDATE chunk SET first = -7 WHERE first = 4",
        "UPDATE chunk SET first = -7 WHERE first = 7",
        "UPDATE chunk SET first = 0 WHERE first = 1",
        "UPDATE chunk SET first = 9223372036854775807 WHERE first = 7",
        "UPDATE chunk SET first = 9223372036854775807 WHERE first = 1",
        "UPDATE chunk SET first = -9223372036854775808 WHERE first = 4",
        "UPDATE chunk SET first = 1099511627780 WHERE first = 4",
        "UPDATE chunk SET first = first - 100, n = 1000 WHERE first = 1",
        "UPDATE chunk SET first = first - 100, n = 9223372036854775807",
        "UPDATE chunk SET t1 = 9223372036854775807 WHERE first = 7",
        "UPDATE chunk SET n = 200 WHERE first = 1",
        "UPDATE chunk SET crc = crc + 1",
        "INSERT INTO hole VALUES(-5, 9223372036854775807, 4)",
        "INSERT INTO hole VALUES(5, -3, 4)"}) {
    SCOPED_TRACE(damage);
    path_ = absl::StrCat(dir_.path(), "/", ++damaged_, ".db");
    {
      const auto journal = Open();
      for (const uint64_t first : {1, 4, 7}) {
        ASSERT_THAT(journal->Commit(Rows(first, 3, 100 * int64_t(first))),
                    IsOk());
      }
    }
    Run(damage);
    const auto journal = Open();
    const JournalContents& contents = journal->contents();
    EXPECT_GE(contents.last, 9u);
    EXPECT_LE(contents.last, 9 + 3 * 256u) << "nor are many left out";
    EXPECT_EQ(contents.earliest, 1u) << "what is not there was lost, not taken";
    EXPECT_LE(contents.last_time, absl::FromUnixNanos(1000));
    // Retention takes what it may, and only that.
    const SqliteJournal::Retention keep_five = {.events = 5};
    const auto cut = journal->FindCut(keep_five, absl::UnixEpoch(), 9);
    ASSERT_THAT(cut, IsOk());
    EXPECT_LE(cut->value_or(SqliteJournal::Cut()).last, 4u);
    ASSERT_THAT(journal->Commit(Rows(contents.last + 1, 3, 2000)), IsOk());
    const auto reader = journal->OpenReader();
    for (uint64_t seq = 1; seq <= contents.last + 3; ++seq) {
      const auto rows = (*reader)->Read(seq, 1 << 20);
      ASSERT_THAT(rows, IsOk());
      for (const auto& row : *rows) {
        EXPECT_GE(static_cast<int64_t>(row.first), 1);
      }
    }
    const auto at = (*reader)->ReadAt(absl::FromUnixNanos(2001));
    ASSERT_THAT(at, IsOk());
    EXPECT_EQ(at->row.value().first, contents.last + 1);
    EXPECT_LE(at->before, 9u);
  }
}

TEST_F(SqliteJournalTest, CountsDamageBelowAHoleOnceAndNotAtEachStart) {
  {
    const auto journal = Open("boot-1");
    ASSERT_THAT(journal->Commit(Rows(1, 3)), IsOk());
    ASSERT_THAT(journal->Commit(Rows(4, 3)), IsOk());
  }
  { Open("boot-2"); }  // A hole from 7 on.
  Run("UPDATE chunk SET crc = crc + 1 WHERE first = 4");
  const uint64_t last = SqliteJournal::kReserve + 256;
  for (int start = 0; start < 3; ++start) {
    SCOPED_TRACE(start);
    const auto journal = Open("boot-2");
    const JournalContents& contents = journal->contents();
    EXPECT_EQ(contents.last, last);
    ASSERT_THAT(contents.holes, SizeIs(3));
    EXPECT_EQ(contents.holes[0].first, 4u) << "its own numbers";
    EXPECT_EQ(contents.holes[0].last, 6u);
    EXPECT_EQ(contents.holes[0].reason, StreamItem::GapReason::kCorruption);
    EXPECT_EQ(contents.holes[1].last, SqliteJournal::kReserve);
    EXPECT_EQ(contents.holes[1].reason,
              StreamItem::GapReason::kUncleanShutdown);
    EXPECT_EQ(contents.holes[2].last, last) << "if its number is what is wrong";
  }
}

TEST_F(SqliteJournalTest, DoesNotBelieveTheTimeOfADamagedRow) {
  {
    const auto journal = Open();
    ASSERT_THAT(journal->Commit(Rows(1, 3, 100)), IsOk());
    ASSERT_THAT(journal->Commit(Rows(4, 3, 200)), IsOk());
  }
  Run("UPDATE chunk SET t0 = 9000000000000000000 WHERE first = 1");
  EXPECT_EQ(Open()->contents().earliest_time, absl::FromUnixNanos(200));
}

TEST_F(SqliteJournalTest, DoesNotReadARowOfAnotherCodec) {
  {
    const auto journal = Open();
    ASSERT_THAT(journal->Commit(Rows(1, 3, 100)), IsOk());
    ASSERT_THAT(journal->Commit(Rows(4, 3, 200)), IsOk());
  }
  Run("UPDATE chunk SET codec = 1 WHERE first = 4");
  const auto journal = Open();
  EXPECT_EQ(journal->contents().last_time, absl::FromUnixNanos(102));
  ASSERT_THAT(journal->contents().holes, SizeIs(1)) << "as its readers say";
  EXPECT_EQ(journal->contents().holes[0].first, 4u);
}

TEST_F(SqliteJournalTest, KeepsAHoleThatIsAllThereIs) {
  { EXPECT_THAT(Open("boot-1")->Commit(Rows(1, 3)), IsOk()); }
  Run("DELETE FROM chunk");  // The machine forgot it.
  for (int start = 0; start < 2; ++start) {
    const auto journal = Open("boot-2");
    EXPECT_EQ(journal->contents().last, SqliteJournal::kReserve);
    EXPECT_EQ(journal->contents().earliest, 1u)
        << "retention has taken nothing";
  }
}

TEST_F(SqliteJournalTest, RefusesAPlaceThatCannotBe) {
  Open();
  Run("INSERT OR REPLACE INTO meta VALUES('pruned_seq', -3)");
  const auto refused = TryOpen();
  EXPECT_TRUE(absl::IsDataLoss(refused.status())) << refused.status();
  EXPECT_THAT(refused.status().message(), HasSubstr("pruned_seq -3"));
}

TEST_F(SqliteJournalTest, FindsFlippedBitsInEachColumn) {
  const auto journal = Open();
  for (const char* const change :
       {"n = n + 1", "t0 = t0 - 1", "t1 = t1 + 1", "crc = crc + 1", "codec = 1",
        "body = 'X123456789'", "n = 0", "n = -5", "n = 100000"}) {
    ASSERT_THAT(journal->Commit(Rows(1, 3)), IsOk());
    Run(absl::StrCat("UPDATE chunk SET ", change));
    const auto reader = journal->OpenReader();
    const auto rows = (*reader)->Read(1, 1 << 20);
    ASSERT_THAT(rows, IsOk());
    for (const auto& row : *rows) EXPECT_FALSE(row.sound) << change;
    Run("DELETE FROM chunk");
  }
}

TEST_F(SqliteJournalTest, RetentionTakesTheOldestInSmallSteps) {
  const auto journal = Open();
  for (uint64_t i = 0; i < 300; ++i) {
    ASSERT_THAT(journal->Commit(Rows(1 + 2 * i, 2, 1'000'000 * int64_t(i))),
                IsOk());
  }
  const absl::Time now = absl::FromUnixNanos(299'000'000);
  SqliteJournal::Retention retention;
  auto cut = journal->FindCut(retention, now, 600);
  ASSERT_THAT(cut, IsOk());
  EXPECT_FALSE(cut->has_value()) << "nothing is too old or too much";

  retention.age = absl::Milliseconds(49);
  cut = journal->FindCut(retention, now, 600);
  ASSERT_THAT(cut, IsOk());
  ASSERT_TRUE(cut->has_value());
  EXPECT_EQ((*cut)->last, 400u) << "200 rows";
  EXPECT_EQ((*cut)->earliest_time, absl::FromUnixNanos(200'000'000));
  EXPECT_THAT(journal->Prune(**cut), IsOk());
  cut = journal->FindCut(retention, now, 600);
  ASSERT_TRUE(cut->has_value());
  EXPECT_EQ((*cut)->last, 500u);
  EXPECT_THAT(journal->Prune(**cut), IsOk());
  EXPECT_FALSE((*journal->FindCut(retention, now, 600)).has_value());

  retention = {};
  retention.events = 10;
  cut = journal->FindCut(retention, now, 600);
  ASSERT_TRUE(cut->has_value());
  EXPECT_EQ((*cut)->last, 590u);
  EXPECT_THAT(journal->Prune(**cut), IsOk());

  retention = {};
  retention.bytes = 1;
  cut = journal->FindCut(retention, now, 600);
  ASSERT_TRUE(cut->has_value());
  EXPECT_EQ((*cut)->last, 598u) << "what was just said is kept";
}

TEST_F(SqliteJournalTest, RetentionTakesManyDamagedRowsWithWhatFollowsThem) {
  const auto journal = Open();
  constexpr uint64_t kDamaged = 2 * SqliteJournal::kRowsPerPrune + 50;
  for (uint64_t i = 0; i <= kDamaged + 1; ++i) {
    ASSERT_THAT(journal->Commit(Rows(1 + 2 * i, 2, 1'000'000 * int64_t(i))),
                IsOk());
  }
  const uint64_t latest = 2 * (kDamaged + 2);
  Run(absl::StrCat("UPDATE chunk SET crc = crc + 1 WHERE first <= ",
                   2 * kDamaged));
  const SqliteJournal::Retention retention = {.age = absl::Seconds(1)};
  const auto cut_at = [&](absl::Duration behind) {
    // By the age of the first row that is sound.
    const absl::Time now =
        absl::FromUnixNanos(1'000'000 * int64_t(kDamaged) + 1) + retention.age +
        behind;
    auto cut = journal->FindCut(retention, now, latest);
    EXPECT_THAT(cut, IsOk());
    return *cut;
  };
  EXPECT_FALSE(cut_at(-absl::Nanoseconds(1)).has_value()) << "not old enough";
  std::vector<uint64_t> cuts;
  while (const auto cut = cut_at(absl::Nanoseconds(1))) {
    cuts.push_back(cut->last);
    ASSERT_THAT(journal->Prune(*cut), IsOk());
    ASSERT_LT(cuts.size(), 10u);
  }
  EXPECT_THAT(cuts, testing::ElementsAre(400, 800, latest - 2))
      << "a step at a time, and not the one that is young";
}

TEST_F(SqliteJournalTest, KeepsItsPlaceWhenRetentionTookEverything) {
  {
    const auto journal = Open();
    EXPECT_THAT(journal->Commit(Rows(1, 3)), IsOk());
    SqliteJournal::Retention retention;
    retention.age = absl::ZeroDuration();
    const auto cut = journal->FindCut(retention, absl::FromUnixSeconds(1), 3);
    ASSERT_TRUE(cut->has_value());
    EXPECT_THAT(journal->Prune(**cut), IsOk());
  }
  const auto journal = Open();
  EXPECT_EQ(journal->contents().last, 3u);
  EXPECT_EQ(journal->contents().earliest, 4u);
  EXPECT_EQ(journal->contents().gone_time, absl::FromUnixNanos(102));
}

TEST_F(SqliteJournalTest, KeepsSubscriptions) {
  {
    const auto journal = Open();
    JournalBatch batch;
    batch.saved = {{"subscriptions/a", std::string("\0x", 2), 7, 8},
                   {"subscriptions/b", "y", 9, 10}};
    EXPECT_THAT(journal->Commit(batch), IsOk());
    JournalBatch other;
    other.forgotten = {"subscriptions/b"};
    EXPECT_THAT(journal->Commit(other), IsOk());
  }
  const auto journal = Open();
  ASSERT_THAT(journal->contents().subscriptions, SizeIs(1));
  const SavedSubscription& saved = journal->contents().subscriptions[0];
  EXPECT_EQ(saved.name, "subscriptions/a");
  EXPECT_EQ(saved.settings, std::string("\0x", 2));
  EXPECT_EQ(saved.acked, 7u);
  EXPECT_EQ(saved.used_unix_ns, 8);
}

TEST_F(SqliteJournalTest, RefusesAJournalThatAnotherHostHas) {
  const auto journal = Open();
  EXPECT_THAT(TryOpen(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                  HasSubstr("another host has it open")));
}

TEST_F(SqliteJournalTest, RefusesAFileThatSomebodyHasLocked) {
  { Open(); }
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &database), SQLITE_OK);
  ASSERT_EQ(
      sqlite3_exec(database, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr),
      SQLITE_OK);
  EXPECT_THAT(TryOpen(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                  HasSubstr("another process has it open")));
  sqlite3_close(database);
}

TEST_F(SqliteJournalTest, RefusesWhatIsNoJournalOfOurs) {
  Run("CREATE TABLE recipes(name)");
  EXPECT_THAT(TryOpen(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                  HasSubstr("a database of something else")));
  std::filesystem::remove(path_);
  std::ofstream(path_) << "This is a text, and no database, as one can see. "
                       << std::string(8192, '.');
  EXPECT_THAT(TryOpen(), StatusIs(absl::StatusCode::kDataLoss,
                                  HasSubstr("journal.db: damaged: ")));
}

TEST_F(SqliteJournalTest, RefusesAJournalOfANewerWeir) {
  { Open(); }
  Run("UPDATE meta SET v = 2 WHERE k = 'format'");
  EXPECT_THAT(TryOpen(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                  HasSubstr("written by a newer weir, format "
                                            "2; this one knows 1")));
}

TEST_F(SqliteJournalTest, RefusesADirectoryThatIsNotThere) {
  SqliteJournalOptions options;
  options.path = absl::StrCat(dir_.path(), "/none/journal.db");
  EXPECT_THAT(SqliteJournal::Open(options),
              StatusIs(absl::StatusCode::kNotFound,
                       HasSubstr("must exist and be writable")));
}

}  // namespace
}  // namespace weir
