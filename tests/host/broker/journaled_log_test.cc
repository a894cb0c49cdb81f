#include "host/broker/journaled_log.h"

#include <sqlite3.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/broker/broker.h"
#include "host/broker/journal_reader.h"
#include "host/broker/start_position.h"
#include "host/control/event_publisher.h"
#include "host/control/event_stream.h"
#include "host/control/stream_options.h"
#include "host/pipeline/event.h"
#include "host/status/error_info.h"
#include "host/sync/clock.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_event_codec.h"
#include "tests/support/failing_vfs.h"
#include "tests/support/short_temp_dir.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using Kind = StreamItem::Kind;
using Reason = StreamItem::GapReason;

// What a stream said: the numbers of events, and the rest by kind.
struct Said {
  std::vector<uint64_t> seqs;
  std::vector<StreamItem> gaps, notices, ends;
  std::string cursor;
  bool caught_up = false;
};

// A clock in whose reading something else may happen, as on another thread.
class InterruptedClock final : public Clock {
 public:
  absl::Time Now() const override { return clock_.Now(); }
  int64_t MonotonicNs() const override {
    if (readings_ > 0 && --readings_ == 0) interrupt_();
    return clock_.MonotonicNs();
  }
  void Advance(absl::Duration by) { clock_.Advance(by); }
  // Once, in the reading that is the `n`th from now on.
  void InterruptReading(int n, std::function<void()> interrupt) {
    readings_ = n;
    interrupt_ = std::move(interrupt);
  }

 private:
  FakeClock clock_;
  mutable int readings_ = 0;
  std::function<void()> interrupt_;
};

// A broker over a journal, without threads: what is to be done is done when a
// test says so. The ring holds some twenty events.
class JournaledLogTest : public testing::Test {
 protected:
  JournaledLogTest() {
    clock_.Advance(absl::Hours(1));
    FailingVfs::Get().Set(FailingVfs::Fault::kNone);
    options_.journal.path = absl::StrCat(dir_.path(), "/journal.db");
    options_.journal.boot_id = "boot";
    options_.journal.new_epoch = "7k2mq9xv";
    options_.journal.vfs = FailingVfs::kName;
    options_.ring.chunk_events = 4;
    options_.ring.ring_events = 16;
    options_.retention = {};
    options_.replay.threads = 0;
    options_.replay.quantum_bytes = 2000;
    Start();
  }
  ~JournaledLogTest() override {
    FailingVfs::Get().Set(FailingVfs::Fault::kNone);
  }

  void Start() {
    auto log = JournaledLog::Open(options_, codec_, clock_);
    ASSERT_THAT(log, IsOk());
    log_ = log->get();
    broker_ = std::make_unique<Broker>(BrokerOptions(), *std::move(log), codec_,
                                       clock_);
  }
  void Restart() {
    broker_ = nullptr;
    Start();
  }
  // Goes on with what is on the disk now.
  void Kill() {
    const std::string image = absl::StrCat(dir_.path(), "/", ++images_);
    std::filesystem::create_directory(image);
    for (const char* const suffix : {"", "-wal", "-intact"}) {
      const std::string name = absl::StrCat(options_.journal.path, suffix);
      if (!std::filesystem::exists(name)) continue;
      std::filesystem::copy_file(name,
                                 absl::StrCat(image, "/journal.db", suffix));
    }
    broker_ = nullptr;
    options_.journal.path = absl::StrCat(image, "/journal.db");
    Start();
  }

  void Append(int n, const char* type = "a.b") {
    for (int i = 0; i < n; ++i) {
      Event event;
      event.type = type;
      event.source = "plugins/test";
      ASSERT_THAT(broker_->Publish(std::move(event)), IsOk());
    }
  }
  // Appends and commits.
  void Publish(int n, const char* type = "a.b") {
    for (int i = 0; i < n; ++i) {
      Append(1, type);
      log_->Step();
    }
  }

  // What the broker answered to `n` events that were published together.
  struct Answer {
    bool given = false;
    absl::StatusOr<std::vector<std::string>> ids;
  };
  std::shared_ptr<Answer> AppendTogether(
      size_t n, Durability durability = Durability::kJournaled) {
    std::vector<Event> events(n);
    for (Event& event : events) {
      event.type = "a.b";
      event.source = "publishers/test";
    }
    auto answer = std::make_shared<Answer>();
    broker_->Append(std::move(events), durability, [answer](const auto& ids) {
      EXPECT_FALSE(answer->given) << "answered twice";
      *answer = {true, ids};
    });
    return answer;
  }
  uint64_t Latest() const { return broker_->log().bounds().latest; }

  static StreamOptions After(uint64_t seq) {
    StreamOptions options;
    options.start.kind = StartPosition::Kind::kAfterId;
    options.start.after_id = absl::StrCat("7k2mq9xv-", seq);
    return options;
  }
  std::unique_ptr<EventStream> Open(StreamOptions options) {
    auto stream = broker_->Open(std::move(options), [] {});
    EXPECT_THAT(stream, IsOk());
    return *std::move(stream);
  }
  // Reads until there is nothing to say and nothing to read.
  Said Read(EventStream& stream) {
    Said said;
    StreamItem item;
    while (true) {
      if (!stream.Next(&item)) {
        if (log_->ReadOne()) continue;
        return said;
      }
      stream.OnWritten(1);
      if (item.kind == Kind::kEvents) {
        for (const SharedBytes& piece : item.pieces) {
          for (const auto& line : FakeEventCodec::Parse(piece.bytes)) {
            said.seqs.push_back(line.seq);
          }
        }
      }
      if (item.kind == Kind::kGap) said.gaps.push_back(item);
      if (item.kind == Kind::kNotice) said.notices.push_back(item);
      if (item.kind == Kind::kCaughtUp) said.caught_up = true;
      if (item.kind == Kind::kEnd) {
        said.ends.push_back(item);
        return said;
      }
      said.cursor = item.cursor;
    }
  }
  Said ReadAll(StreamOptions options) {
    const auto stream = Open(std::move(options));
    return Read(*stream);
  }

  static std::vector<uint64_t> Range(uint64_t first, uint64_t last) {
    std::vector<uint64_t> all;
    for (uint64_t seq = first; seq <= last; ++seq) all.push_back(seq);
    return all;
  }

  void Run(const std::string& sql) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(options_.journal.path.c_str(), &database),
              SQLITE_OK);
    char* error = nullptr;
    EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, &error),
              SQLITE_OK)
        << error;
    sqlite3_close(database);
  }

  const ShortTempDir dir_;
  InterruptedClock clock_;
  FakeEventCodec codec_;
  JournaledLogOptions options_;
  int images_ = 0;
  JournaledLog* log_ = nullptr;  // The broker's.
  std::unique_ptr<Broker> broker_;
};

TEST_F(JournaledLogTest, ShowsAnEventWhenItIsCommitted) {
  const auto stream = Open({});
  EXPECT_THAT(Read(*stream).seqs, IsEmpty());
  Append(3);
  EXPECT_THAT(Read(*stream).seqs, IsEmpty());
  EXPECT_EQ(broker_->Info().latest_id, "");
  log_->Step();
  EXPECT_THAT(Read(*stream).seqs, ElementsAre(1, 2, 3));
  EXPECT_EQ(broker_->Info().latest_id, "7k2mq9xv-3");
  EXPECT_EQ(broker_->Info().durable_id, "7k2mq9xv-3");
}

TEST_F(JournaledLogTest, ShowsNothingWhileItIsBeingWritten) {
  Publish(2);
  Append(3);
  int writes = 0;
  FailingVfs::Get().SetOnWrite([&] {
    ++writes;
    EXPECT_EQ(broker_->Info().latest_id, "7k2mq9xv-2");
    EXPECT_EQ(broker_->Info().durable_id, "7k2mq9xv-2");
  });
  log_->Step();
  FailingVfs::Get().SetOnWrite(nullptr);
  EXPECT_GT(writes, 0);
  EXPECT_EQ(broker_->Info().latest_id, "7k2mq9xv-5");
}

TEST_F(JournaledLogTest, ShowsWhatIsAloneInItsChunk) {
  Publish(4);
  EXPECT_EQ(broker_->Info().latest_id, "7k2mq9xv-4");
  Publish(1);
  EXPECT_EQ(broker_->Info().latest_id, "7k2mq9xv-5");
}

TEST_F(JournaledLogTest, ForgetsNothingOldBeforeItIsCommitted) {
  for (const int n : {1, 4, 5}) {
    Append(n);
    clock_.Advance(absl::Minutes(11));
    log_->EvictOld();
    const uint64_t before = log_->durable();
    log_->Step();
    EXPECT_EQ(log_->durable(), before + static_cast<uint64_t>(n));
    EXPECT_THAT(ReadAll(After(before)).seqs, SizeIs(n));
  }
}

TEST_F(JournaledLogTest, ForgetsNothingThatWasSeenWhenItIsKilled) {
  Publish(30);
  Append(5);  // Nobody has seen these.
  Kill();
  EXPECT_EQ(broker_->Info().latest_id, "7k2mq9xv-30");
  Publish(1);
  const Said said = ReadAll(After(25));
  EXPECT_EQ(said.seqs, Range(26, 31));
  EXPECT_THAT(said.gaps, IsEmpty());
  EXPECT_TRUE(said.caught_up);
}

TEST_F(JournaledLogTest, ReadsOnBelowTheRingAndIntoIt) {
  Publish(200);
  EXPECT_THAT(broker_->Info().ring_earliest_id, Not("7k2mq9xv-1"));
  EXPECT_EQ(broker_->Info().earliest_id, "7k2mq9xv-1");
  EXPECT_EQ(broker_->Info().event_count, 200u);
  const Said said = ReadAll(After(0));
  EXPECT_EQ(said.seqs, Range(1, 200));
  EXPECT_THAT(said.gaps, IsEmpty());
  EXPECT_EQ(ReadAll(After(97)).seqs, Range(98, 200));
}

TEST_F(JournaledLogTest, FiltersWhatItReadsFromTheJournal) {
  for (int i = 0; i < 60; ++i) Publish(1, i % 3 == 0 ? "x.y" : "a.b");
  StreamOptions options = After(0);
  options.filters.emplace_back().types = {"x.*"};
  const Said said = ReadAll(options);
  EXPECT_THAT(said.seqs, SizeIs(20));
  EXPECT_EQ(said.seqs.front(), 1u);
  EXPECT_EQ(said.seqs.back(), 58u);
  EXPECT_EQ(said.cursor, "7k2mq9xv-60");
}

TEST_F(JournaledLogTest, MergesSmallRowsIntoWholeBatches) {
  Publish(200);
  const auto stream = Open(After(0));
  StreamItem item;
  uint64_t largest = 0;
  while (stream->Next(&item) || log_->ReadOne()) {
    if (item.kind == Kind::kEvents) largest = std::max(largest, item.n_events);
  }
  EXPECT_GE(largest, 30u) << "though each was committed by itself";
}

TEST_F(JournaledLogTest, FindsATimeInTheJournal) {
  for (int i = 0; i < 100; ++i) {
    clock_.Advance(absl::Seconds(1));
    Append(2);
    log_->Step();
  }
  StreamOptions options;
  options.start.kind = StartPosition::Kind::kAtTime;
  options.start.at_time = clock_.Now() - absl::Milliseconds(60'500);
  const Said said = ReadAll(options);
  EXPECT_EQ(said.seqs, Range(79, 200));
  EXPECT_EQ(log_->AwaitFirstAtOrAfter(options.start.at_time), 79u);
  EXPECT_EQ(log_->AwaitFirstAtOrAfter(clock_.Now()), 199u);
  EXPECT_EQ(log_->AwaitFirstAtOrAfter(clock_.Now() + absl::Seconds(1)), 201u);
}

TEST_F(JournaledLogTest, TellsOfWhatIsSeenWhenTheJournalComesBackMeanwhile) {
  uint64_t told = 0;
  log_->SetListener([&](int64_t, uint64_t n) { told += n; });
  Publish(3);
  EXPECT_EQ(told, 3u);
  FailingVfs::Get().Set(FailingVfs::Fault::kDiskFull);
  Publish(1);
  ASSERT_TRUE(log_->degraded());
  EXPECT_EQ(told, 4u);
  FailingVfs::Get().Set(FailingVfs::Fault::kNone);
  // The first reading is that of the ring, the second comes when the event is
  // in it, and is seen.
  clock_.InterruptReading(2, [&] { log_->Step(); });
  Append(1);
  EXPECT_FALSE(log_->degraded());
  EXPECT_EQ(Latest(), 5u);
  EXPECT_EQ(told, 5u) << "nobody looks before something else happens";
  Publish(1);
  EXPECT_EQ(told, 6u);
}

TEST_F(JournaledLogTest, LeavesOutOneEventThatIsNotWhatItsRowSays) {
  Append(4);
  log_->Step();
  Publish(40);  // Out of the ring with it.
  // As somebody wrote it, and not as a disk damages it: the row is sound.
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(options_.journal.path.c_str(), &database), SQLITE_OK);
  sqlite3_stmt* row = nullptr;
  ASSERT_EQ(sqlite3_prepare_v2(database,
                               "SELECT body, t0, t1 FROM chunk WHERE first = 1",
                               -1, &row, nullptr),
            SQLITE_OK);
  ASSERT_EQ(sqlite3_step(row), SQLITE_ROW);
  std::string body(static_cast<const char*>(sqlite3_column_blob(row, 0)),
                   static_cast<size_t>(sqlite3_column_bytes(row, 0)));
  const int64_t t0 = sqlite3_column_int64(row, 1);
  const int64_t t1 = sqlite3_column_int64(row, 2);
  sqlite3_finalize(row);
  sqlite3_close(database);
  const size_t at = body.find("|2|");
  ASSERT_NE(at, body.npos);
  body[at + 1] = '9';
  Run(absl::StrCat("UPDATE chunk SET body = CAST('", body, "' AS BLOB), crc = ",
                   JournalRowCrc(1, 4, t0, t1, body), " WHERE first = 1"));
  StreamOptions options = After(0);
  options.filters.emplace_back().types = {"a.b"};
  const Said said = ReadAll(options);
  std::vector<uint64_t> want = Range(3, 44);
  want.insert(want.begin(), 1);
  EXPECT_EQ(said.seqs, want);
  ASSERT_THAT(said.gaps, SizeIs(1));
  EXPECT_EQ(said.gaps[0].gap.reason, Reason::kCorruption);
  EXPECT_EQ(said.gaps[0].gap.after_id, "7k2mq9xv-1");
  EXPECT_EQ(said.gaps[0].gap.missing, 1u);
}

TEST_F(JournaledLogTest, TellsOfWhatCannotBeReadAndGoesOn) {
  Publish(100);
  Run("UPDATE chunk SET body = substr(body, 2) WHERE first BETWEEN 20 AND 24");
  const Said said = ReadAll(After(0));
  ASSERT_THAT(said.gaps, Not(IsEmpty()));
  uint64_t missing = 0;
  for (const StreamItem& gap : said.gaps) {
    EXPECT_EQ(gap.gap.reason, Reason::kCorruption);
    missing += gap.gap.missing;
  }
  EXPECT_EQ(missing, 5u);
  std::vector<uint64_t> want = Range(1, 19);
  for (const uint64_t seq : Range(25, 100)) want.push_back(seq);
  EXPECT_EQ(said.seqs, want);

  StreamOptions strict = After(0);
  strict.gap_policy = GapPolicy::kFail;
  const Said failed = ReadAll(strict);
  ASSERT_THAT(failed.ends, SizeIs(1));
  EXPECT_EQ(failed.ends[0].end.code(), absl::StatusCode::kDataLoss);
  const ErrorInfo info = *GetErrorInfo(failed.ends[0].end);
  EXPECT_EQ(info.reason, "JOURNAL_CORRUPT");
  EXPECT_EQ(info.metadata.at("first_bad_id"), "7k2mq9xv-20");
  EXPECT_EQ(failed.seqs, Range(1, 19));
}

TEST_F(JournaledLogTest, TellsOfARowWhoseNumberIsDamaged) {
  for (const char* const damage :
       {"UPDATE chunk SET first = -first WHERE first = ",
        "UPDATE chunk SET first = first - 1000000 WHERE first = ",
        "UPDATE chunk SET first = first + 1099511627776 WHERE first = ",
        "UPDATE chunk SET first = -1, n = 9223372036854775807 WHERE first "
        "= "}) {
    for (const uint64_t row : {1, 50, 90}) {
      SCOPED_TRACE(absl::StrCat(damage, row));
      broker_ = nullptr;
      options_.journal.path = absl::StrCat(dir_.path(), "/d", ++images_);
      Start();
      const absl::Time begin = clock_.Now();
      for (int i = 0; i < 100; ++i) {
        clock_.Advance(absl::Seconds(1));
        Publish(1);
      }
      broker_ = nullptr;
      Run(absl::StrCat(damage, row));
      Start();
      for (int i = 0; i < 3; ++i) {
        Publish(10);
        Restart();
      }
      // It may have been the newest.
      const uint64_t next = 101 + 256;
      std::vector<uint64_t> want = Range(row + 1, 100);
      for (const uint64_t seq : Range(next, next + 29)) want.push_back(seq);
      // From just before it, and from the time that it had.
      StreamOptions by_time;
      by_time.start.kind = StartPosition::Kind::kAtTime;
      by_time.start.at_time = begin + absl::Seconds(row);
      for (const StreamOptions& options : {After(row - 1), by_time}) {
        const Said said = ReadAll(options);
        ASSERT_THAT(said.gaps, SizeIs(2));
        for (const StreamItem& gap : said.gaps) {
          EXPECT_EQ(gap.gap.reason, Reason::kCorruption);
        }
        EXPECT_EQ(said.gaps[0].gap.after_id,
                  absl::StrCat("7k2mq9xv-", row - 1));
        EXPECT_EQ(said.gaps[0].gap.missing, 1u);
        EXPECT_EQ(said.seqs, want);
      }
    }
  }
}

TEST_F(JournaledLogTest, TellsOfRowsThatAreMissing) {
  Publish(100);
  Run("DELETE FROM chunk WHERE first BETWEEN 30 AND 39");
  const Said said = ReadAll(After(0));
  ASSERT_THAT(said.gaps, SizeIs(1));
  EXPECT_EQ(said.gaps[0].gap.reason, Reason::kCorruption);
  EXPECT_EQ(said.gaps[0].gap.after_id, "7k2mq9xv-29");
  EXPECT_EQ(said.gaps[0].gap.before_id, "7k2mq9xv-40");
  EXPECT_EQ(said.gaps[0].gap.missing, 10u);
  EXPECT_THAT(said.seqs, SizeIs(90));
}

TEST_F(JournaledLogTest, TellsOfNumbersThatWereLostWithTheMachine) {
  Publish(40);
  options_.journal.boot_id = "another boot";
  Kill();
  Publish(3);
  const Said said = ReadAll(After(38));
  ASSERT_THAT(said.gaps, SizeIs(1));
  EXPECT_EQ(said.gaps[0].gap.reason, Reason::kUncleanShutdown);
  EXPECT_EQ(said.gaps[0].gap.after_id, "7k2mq9xv-40");
  EXPECT_THAT(said.seqs, ElementsAre(39, 40, 10001, 10002, 10003));
  EXPECT_TRUE(said.caught_up);
}

TEST_F(JournaledLogTest, RetentionMovesTheBeginningAndSaysSo) {
  options_.retention.events = 50;
  Restart();
  Publish(120);
  EXPECT_EQ(broker_->Info().earliest_id, "7k2mq9xv-71");
  const Said said = ReadAll(After(10));
  ASSERT_THAT(said.gaps, SizeIs(1));
  EXPECT_EQ(said.gaps[0].gap.reason, Reason::kRetention);
  EXPECT_EQ(said.gaps[0].gap.missing, 60u);
  EXPECT_EQ(said.seqs, Range(71, 120));
  EXPECT_EQ(broker_->Journal()->pruned_events, 70u);
  Restart();
  EXPECT_EQ(broker_->Info().earliest_id, "7k2mq9xv-71");
}

TEST_F(JournaledLogTest, SaysSoIfATimeIsGoneBeforeItIsFound) {
  options_.retention.events = 50;
  Restart();
  for (int i = 0; i < 50; ++i) {
    clock_.Advance(absl::Seconds(1));
    Publish(1);
  }
  StreamOptions options;
  options.start.kind = StartPosition::Kind::kAtTime;
  options.start.at_time = clock_.Now() - absl::Seconds(40);
  const auto stream = Open(options);
  options.gap_policy = GapPolicy::kFail;
  const auto failing = Open(options);
  const auto time = options.start.at_time;
  // Only now the file is read, and event 10 is no longer in it.
  Publish(30);
  const Said said = Read(*stream);
  ASSERT_THAT(said.gaps, SizeIs(1));
  EXPECT_EQ(said.gaps[0].gap.reason, Reason::kRetention);
  EXPECT_EQ(said.gaps[0].batch_index, 2u) << "right after the hello";
  EXPECT_EQ(said.seqs, Range(31, 80));
  const Said failed = Read(*failing);
  ASSERT_THAT(failed.ends, SizeIs(1));
  EXPECT_EQ(GetErrorInfo(failed.ends[0].end)->reason,
            "REPLAY_POSITION_EXPIRED");
  EXPECT_TRUE(failed.seqs.empty());

  StartPosition start;
  start.kind = StartPosition::Kind::kAtTime;
  start.at_time = time;
  const auto found = AwaitStart(start, std::nullopt, GapPolicy::kNotify, *log_);
  ASSERT_THAT(found, IsOk());
  EXPECT_EQ(found->cursor, 30u);
  EXPECT_TRUE(found->gap.has_value());
}

TEST_F(JournaledLogTest, TellsOfTheHoleBeforeATime) {
  Publish(40);
  options_.journal.boot_id = "another boot";
  Kill();
  StreamOptions options;
  options.start.kind = StartPosition::Kind::kAtTime;
  options.start.at_time = clock_.Now() + absl::Seconds(1);
  clock_.Advance(absl::Seconds(2));
  for (const int n : {0, 3, 100}) {
    SCOPED_TRACE(n);
    Publish(n);
    const Said said = ReadAll(options);
    // What the machine forgot may have come after that time.
    ASSERT_THAT(said.gaps, SizeIs(1));
    EXPECT_EQ(said.gaps[0].gap.reason, Reason::kUncleanShutdown);
    EXPECT_EQ(said.gaps[0].gap.after_id, "7k2mq9xv-40");
    EXPECT_EQ(said.gaps[0].gap.missing, 9960u);
  }
  clock_.Advance(absl::Seconds(2));
  Publish(1);
  options.start.at_time = clock_.Now();
  EXPECT_THAT(ReadAll(options).gaps, IsEmpty()) << "that hole is long ago";
}

TEST_F(JournaledLogTest, ATimeIsNotGoneAsLongAsTheRingHasIt) {
  Publish(3);
  clock_.Advance(absl::Seconds(1));
  Publish(1);
  const absl::Time time = clock_.Now();
  options_.retention.age = absl::Seconds(10);
  Restart();
  clock_.Advance(absl::Seconds(1));
  Publish(2);
  clock_.Advance(absl::Seconds(20));
  log_->Step();
  EXPECT_EQ(broker_->Info().earliest_id, "7k2mq9xv-5") << "in the ring";
  StreamOptions options;
  options.start.kind = StartPosition::Kind::kAtTime;
  options.start.at_time = time;
  EXPECT_THAT(ReadAll(options).gaps, SizeIs(1)) << "4 is gone";
  options.start.at_time = time + absl::Nanoseconds(1);
  EXPECT_THAT(ReadAll(options).gaps, IsEmpty());
}

TEST_F(JournaledLogTest, RetentionDoesNotBelieveTheTimeOfADamagedRow) {
  for (const char* const time : {"9223372036854775807", "0"}) {
    SCOPED_TRACE(time);
    broker_ = nullptr;
    options_.journal.path = absl::StrCat(dir_.path(), "/d", ++images_);
    options_.retention = {};
    Start();
    for (int i = 0; i < 50; ++i) {
      clock_.Advance(absl::Seconds(1));
      Publish(1);
    }
    broker_ = nullptr;
    Run(absl::StrCat("UPDATE chunk SET t1 = ", time,
                     " WHERE first IN (10, 20, 25)"));
    // By age it goes with what comes after it, neither before nor never.
    options_.retention.age = absl::Seconds(31);
    Start();
    log_->Step();
    EXPECT_EQ(broker_->Info().earliest_id, "7k2mq9xv-19");
    clock_.Advance(absl::Seconds(1));
    log_->Step();
    EXPECT_EQ(broker_->Info().earliest_id, "7k2mq9xv-20");
    options_.retention.events = 25;  // The newest that goes is damaged.
    Restart();
    log_->Step();
    EXPECT_EQ(broker_->Info().earliest_id, "7k2mq9xv-26");
    for (int life = 0; life < 2; ++life) {
      StreamOptions options;
      options.start.kind = StartPosition::Kind::kAtTime;
      options.start.at_time = clock_.Now() - absl::Seconds(10);
      const Said said = ReadAll(options);
      EXPECT_THAT(said.gaps, IsEmpty());
      EXPECT_EQ(said.seqs, Range(41, 50));
      options.start.at_time = clock_.Now() - absl::Seconds(27);  // Of 24.
      EXPECT_THAT(ReadAll(options).gaps, SizeIs(1));
      Restart();
    }
    Publish(1);
    EXPECT_EQ(broker_->Info().latest_time, clock_.Now());
  }
}

TEST_F(JournaledLogTest, AppendTimesDoNotGoBackAcrossARestart) {
  clock_.Advance(absl::Hours(5));
  Publish(1);
  Restart();
  clock_.Advance(-absl::Hours(2));
  Publish(1);
  EXPECT_GE(broker_->Info().latest_time, broker_->Info().earliest_time);
}

TEST_F(JournaledLogTest, ShowsAndKeepsTogetherWhatWasPublishedTogether) {
  // Sixteen chunks of four are as much as one commit takes if it may.
  for (const size_t alone : {0, 1, 3, 58, 61, 64}) {
    for (const size_t n : {2, 4, 7, 64, 70, 500}) {
      SCOPED_TRACE(absl::StrCat(alone, " alone, ", n, " together"));
      uint64_t last = Latest();
      std::set<uint64_t> whole = {last};
      for (size_t i = 0; i < alone; ++i) whole.insert(++last);
      ASSERT_NO_FATAL_FAILURE(Append(static_cast<int>(alone)));
      std::vector<std::shared_ptr<Answer>> answers;
      for (int i = 0; i < 3; ++i) {
        answers.push_back(AppendTogether(n));
        whole.insert(last += n);
      }
      while (Latest() < last) {
        const uint64_t before = Latest();
        log_->Step();
        ASSERT_GT(Latest(), before);
        ASSERT_TRUE(whole.contains(Latest())) << Latest() << " is in between";
        ASSERT_EQ(log_->durable(), Latest());
      }
      for (const auto& answer : answers) {
        ASSERT_TRUE(answer->given);
        ASSERT_THAT(answer->ids, IsOk());
        EXPECT_THAT(*answer->ids, SizeIs(n));
      }
      EXPECT_EQ(answers.back()->ids->back(), absl::StrCat("7k2mq9xv-", last));
    }
  }
  const uint64_t before = Latest();
  AppendTogether(100);
  AppendTogether(100);
  log_->Step();
  Kill();
  EXPECT_EQ(Latest(), before + 100) << "the second was too much for one commit";
}

TEST_F(JournaledLogTest, TakesNoneOfThemIfOneIsTooLarge) {
  Publish(3);
  std::vector<Event> events(3);
  events[2].json.assign(300 << 10, 'x');
  const auto refused = log_->AppendAll(events);
  EXPECT_EQ(GetErrorInfo(refused.status())->reason, "EVENT_TOO_LARGE");
  log_->Step();
  EXPECT_EQ(Latest(), 3u);
  events.pop_back();
  EXPECT_EQ(*log_->AppendAll(events), 4u) << "no number was used up";
  log_->Step();
  EXPECT_EQ(ReadAll(After(0)).seqs, Range(1, 5));
}

TEST_F(JournaledLogTest, RefusesWhatComesAfterTheEnd) {
  const auto in_time = AppendTogether(5);
  log_->Close();
  EXPECT_EQ(log_->durable(), 5u);
  const auto late = AppendTogether(5);
  ASSERT_TRUE(late->given);
  EXPECT_EQ(GetErrorInfo(late->ids.status())->reason, "SERVER_DRAINING");
  broker_->Close();
  EXPECT_TRUE(in_time->given);
  EXPECT_THAT(in_time->ids, IsOk());
  Restart();
  EXPECT_EQ(Latest(), 5u);
}

// FAST mode.
class FastLogTest : public JournaledLogTest {
 protected:
  FastLogTest() {
    options_.journal.shown_ahead = true;
    Restart();
  }
};

TEST_F(FastLogTest, ShowsAnEventAtOnce) {
  {
    const auto stream = Open({});
    EXPECT_THAT(Read(*stream).seqs, IsEmpty());
    Append(3);
    EXPECT_THAT(Read(*stream).seqs, ElementsAre(1, 2, 3));
  }
  EXPECT_EQ(broker_->Info().durable_id, "");
  log_->Step();
  EXPECT_EQ(broker_->Info().durable_id, "7k2mq9xv-3");
  Restart();
  EXPECT_EQ(Latest(), 3u) << "a clean end leaves no hole";
}

TEST_F(FastLogTest, TellsOfWhatWasSeenAndLostAndGivesNoNumberTwice) {
  Publish(40);
  Append(3);
  EXPECT_EQ(Latest(), 43u);
  Kill();
  Append(2);
  // Who has seen what is gone, and who has not.
  for (const uint64_t seen : {43, 38}) {
    const Said said = ReadAll(After(seen));
    ASSERT_THAT(said.gaps, SizeIs(1));
    EXPECT_EQ(said.gaps[0].gap.reason, Reason::kUncleanShutdown);
    EXPECT_EQ(said.gaps[0].gap.before_id, "7k2mq9xv-10001");
    auto seqs = Range(seen + 1, 40);
    seqs.insert(seqs.end(), {10001, 10002});
    EXPECT_EQ(said.seqs, seqs);
  }
  // In DURABLE mode the tail of before is as lost.
  options_.journal.shown_ahead = false;
  Kill();
  EXPECT_GE(Latest(), 10002u);
  Publish(1);
  EXPECT_GT(Latest(), 20000u);
}

TEST_F(FastLogTest, ForgetsNothingBeforeItIsCommitted) {
  Append(50);  // The ring is for sixteen.
  clock_.Advance(absl::Minutes(11));
  log_->EvictOld();
  EXPECT_EQ(ReadAll(After(0)).seqs, Range(1, 50));
  while (log_->durable() < 50) log_->Step();
  log_->EvictOld();
  EXPECT_EQ(ReadAll(After(0)).seqs, Range(1, 50)) << "from the journal";
}

TEST_F(FastLogTest, ShowsNothingBeyondWhatItsJournalHasReserved) {
  constexpr uint64_t kReserved = SqliteJournal::kReserve;
  Append(static_cast<int>(kReserved) - 2);
  const auto together = AppendTogether(4, Durability::kAccepted);
  EXPECT_EQ(Latest(), kReserved - 2) << "all of them or none";
  EXPECT_FALSE(together->given);
  Append(1);
  EXPECT_EQ(Latest(), kReserved - 2);
  while (log_->durable() < kReserved + 3) log_->Step();
  EXPECT_EQ(Latest(), kReserved + 3);
  EXPECT_TRUE(together->given);
}

TEST_F(FastLogTest, AnswersWhoWaitsForTheDiskWhenItIsThere) {
  const auto visible = AppendTogether(2, Durability::kAccepted);
  EXPECT_TRUE(visible->given);
  const auto journaled = AppendTogether(2);
  EXPECT_FALSE(journaled->given);
  EXPECT_EQ(Latest(), 4u);
  log_->Step();
  ASSERT_TRUE(journaled->given);
  EXPECT_THAT(journaled->ids, IsOk());
}

TEST_F(FastLogTest, ReservesAheadOfWhatItShows) {
  constexpr int kHalf = static_cast<int>(SqliteJournal::kReserve) / 2;
  for (int i = 0; i < 5; ++i) {
    Append(kHalf - 10);
    EXPECT_EQ(Latest(), log_->appended_events()) << "nothing had to wait";
    while (log_->durable() < Latest()) log_->Step();
  }
}

TEST_F(FastLogTest, GoesOnInMemoryWhenTheDiskFails) {
  Publish(3);
  FailingVfs::Get().Set(FailingVfs::Fault::kDiskFull);
  Append(2);
  log_->Step();
  EXPECT_TRUE(log_->degraded());
  Append(2);
  EXPECT_EQ(Latest(), 7u);
  FailingVfs::Get().Set(FailingVfs::Fault::kNone);
  clock_.Advance(absl::Seconds(2));
  log_->Step();
  EXPECT_FALSE(log_->degraded());
  EXPECT_EQ(log_->durable(), 7u);
  Append(1);
  EXPECT_EQ(Latest(), 8u);
  EXPECT_EQ(ReadAll(After(0)).seqs, Range(1, 8));
}

class DegradedTest : public JournaledLogTest,
                     public testing::WithParamInterface<FailingVfs::Fault> {};

INSTANTIATE_TEST_SUITE_P(Faults, DegradedTest,
                         testing::Values(FailingVfs::Fault::kDiskFull,
                                         FailingVfs::Fault::kWriteError));

TEST_P(DegradedTest, GoesOnInMemoryAndSaysSo) {
  Publish(5);
  const auto stream = Open(After(5));
  Read(*stream);
  FailingVfs::Get().Set(GetParam());
  Publish(2);
  EXPECT_TRUE(broker_->Journal()->degraded);
  EXPECT_EQ(broker_->Journal()->commit_errors > 0, true);
  Append(1);  // Seen at once now.
  broker_->Tick();
  const Said said = Read(*stream);
  EXPECT_THAT(said.seqs, Contains(8)) << "events go on";
  ASSERT_THAT(said.notices, SizeIs(1));
  EXPECT_EQ(said.notices[0].notice.code, "JOURNAL_DEGRADED");
  EXPECT_EQ(broker_->Info().durable_id, "7k2mq9xv-5");
}

TEST_P(DegradedTest, WritesWhatTheRingStillHasWhenItRecovers) {
  Publish(5);
  FailingVfs::Get().Set(GetParam());
  Publish(8);
  FailingVfs::Get().Set(FailingVfs::Fault::kNone);
  log_->Step();
  EXPECT_FALSE(broker_->Journal()->degraded);
  EXPECT_EQ(broker_->Info().durable_id, broker_->Info().latest_id);
  Kill();
  const Said said = ReadAll(After(0));
  EXPECT_EQ(said.seqs, Range(1, 13));
  EXPECT_THAT(said.gaps, IsEmpty());
}

TEST_P(DegradedTest, KeepsAllOrNoneOfWhatWasPublishedTogether) {
  constexpr uint64_t kTogether = 90;
  int kept = 0;
  int lost = 0;
  for (int writes = 0; writes < 40; ++writes) {
    SCOPED_TRACE(absl::StrCat("the disk fails after ", writes, " writes"));
    const uint64_t before = Latest();
    const auto answer = AppendTogether(kTogether);
    FailingVfs::Get().Set(GetParam(), writes);
    log_->Step();
    ASSERT_EQ(Latest(), before + kTogether);
    ASSERT_TRUE(answer->given);
    if (!answer->ids.ok()) {
      const ErrorInfo info = *GetErrorInfo(answer->ids.status());
      EXPECT_EQ(info.reason, "JOURNAL_UNAVAILABLE");
      // They are there: who tried again would have them twice.
      EXPECT_EQ(info.metadata.at("first_id"),
                absl::StrCat("7k2mq9xv-", before + 1));
      EXPECT_EQ(info.metadata.at("last_id"),
                absl::StrCat("7k2mq9xv-", before + kTogether));
      EXPECT_FALSE(info.retry_delay.has_value());
    }
    FailingVfs::Get().Set(FailingVfs::Fault::kNone);
    Kill();
    const Said said = ReadAll(After(before));
    if (answer->ids.ok()) {
      ASSERT_EQ(said.seqs, Range(before + 1, before + kTogether));
      ++kept;
    } else {
      ASSERT_THAT(said.seqs, IsEmpty());
      ++lost;
    }
  }
  EXPECT_GT(kept, 5);
  EXPECT_GT(lost, 5);
}

TEST_P(DegradedTest, RecordsAsAHoleWhatTheRingHasForgotten) {
  Publish(5);
  FailingVfs::Get().Set(GetParam());
  Publish(100);
  FailingVfs::Get().Set(FailingVfs::Fault::kNone);
  log_->Step();
  Publish(1);
  for (int life = 0; life < 2; ++life) {
    const Said said = ReadAll(After(0));
    ASSERT_THAT(said.gaps, SizeIs(1));
    EXPECT_EQ(said.gaps[0].gap.reason, Reason::kRetention);
    EXPECT_EQ(said.gaps[0].gap.after_id, "7k2mq9xv-5");
    EXPECT_EQ(said.seqs.size() + said.gaps[0].gap.missing, 106u);
    EXPECT_EQ(said.seqs.back(), 106u);
    Kill();
  }
}

TEST_P(DegradedTest, WritesWhatIsLeftInTheRingOfWhatWasPublishedTogether) {
  options_.ring.ring_events = 100;
  Restart();
  Publish(5);
  FailingVfs::Get().Set(GetParam());
  Publish(20);
  // More than one commit takes, and than the ring keeps.
  AppendTogether(200, Durability::kAccepted);
  const uint64_t in_ring = broker_->log().bounds().ring_earliest;
  ASSERT_GT(in_ring, 26u);
  FailingVfs::Get().Set(FailingVfs::Fault::kNone);
  log_->Step();
  ASSERT_FALSE(broker_->Journal()->degraded);
  Kill();
  const Said said = ReadAll(After(5));
  ASSERT_THAT(said.gaps, SizeIs(1));
  EXPECT_EQ(said.gaps[0].gap.reason, Reason::kRetention);
  EXPECT_EQ(said.gaps[0].gap.after_id, "7k2mq9xv-5");
  EXPECT_EQ(said.gaps[0].gap.missing, in_ring - 6);
  EXPECT_EQ(said.seqs, Range(in_ring, 225));
}

TEST_P(DegradedTest, GivesNoNumberTwiceWhenItIsKilled) {
  Publish(5);
  FailingVfs::Get().Set(GetParam());
  Publish(8);
  EXPECT_EQ(broker_->Info().latest_id, "7k2mq9xv-13") << "these were seen";
  FailingVfs::Get().Set(FailingVfs::Fault::kNone);
  Kill();
  Publish(1);
  const Said said = ReadAll(After(13));
  ASSERT_THAT(said.gaps, SizeIs(1));
  EXPECT_EQ(said.gaps[0].gap.reason, Reason::kUncleanShutdown);
  EXPECT_THAT(said.seqs, ElementsAre(5 + SqliteJournal::kDegradedNumbers + 1));
}

TEST_F(JournaledLogTest, EndsAReplayThatTheDiskRefuses) {
  Publish(100);
  Restart();  // So that nothing is in a cache.
  const auto stream = Open(After(0));
  FailingVfs::Get().Set(FailingVfs::Fault::kReadError);
  const Said said = Read(*stream);
  ASSERT_THAT(said.ends, SizeIs(1));
  EXPECT_EQ(said.ends[0].end.code(), absl::StatusCode::kUnavailable);
  const ErrorInfo info = *GetErrorInfo(said.ends[0].end);
  EXPECT_EQ(info.reason, "JOURNAL_UNAVAILABLE");
  EXPECT_TRUE(info.retry_delay.has_value());
}

TEST_F(JournaledLogTest, SharesTheDiskAmongThoseWhoReplay) {
  Publish(400);
  std::vector<std::unique_ptr<EventStream>> streams;
  for (int i = 0; i < 20; ++i) streams.push_back(Open(After(0)));
  std::vector<uint64_t> seen(streams.size());
  StreamItem item;
  // While nobody is through, nobody is far ahead.
  for (int round = 0; round < 1000; ++round) {
    for (size_t i = 0; i < streams.size(); ++i) {
      while (streams[i]->Next(&item)) seen[i] += item.n_events;
    }
    const auto [least, most] = std::minmax_element(seen.begin(), seen.end());
    if (*most < 380) {
      EXPECT_LE(*most - *least, 130u) << "round " << round;
    }
    if (!log_->ReadOne() && *least == 400) break;
  }
  EXPECT_THAT(seen, testing::Each(400u));
}

TEST_F(JournaledLogTest, ReadsOnceWhatManyReplayTogether) {
  Publish(400);
  const auto reads = [this] { return broker_->Journal()->replay_reads; };
  const uint64_t before = reads();
  ASSERT_EQ(ReadAll(After(0)).seqs.size(), 400u);
  const uint64_t alone = reads() - before;
  ASSERT_GT(alone, 100u);
  // They come back with cursors of their own.
  std::vector<std::unique_ptr<EventStream>> streams;
  std::vector<std::vector<uint64_t>> seen(20);
  for (size_t i = 0; i < seen.size(); ++i) streams.push_back(Open(After(i)));
  StreamItem item;
  do {
    for (size_t i = 0; i < streams.size(); ++i) {
      while (streams[i]->Next(&item)) {
        for (const SharedBytes& piece : item.pieces) {
          for (const auto& line : FakeEventCodec::Parse(piece.bytes)) {
            seen[i].push_back(line.seq);
          }
        }
      }
    }
  } while (log_->ReadOne());
  for (size_t i = 0; i < seen.size(); ++i) {
    EXPECT_EQ(seen[i], Range(i + 1, 400)) << i;
  }
  EXPECT_LE(reads() - before - alone, 2 * alone);
}

}  // namespace
}  // namespace weir
