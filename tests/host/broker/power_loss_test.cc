// The power goes at any write, and the disk is full or broken before that: what
// was promised is on the disk, what is lost is said, and no number is given
// twice. WEIR_POWER_LOSS_SEEDS sets the number of histories for each level
// (50 if unset), WEIR_POWER_LOSS_SEED the first seed.
#include <sqlite3.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/broker/broker.h"
#include "host/broker/journaled_log.h"
#include "host/control/event_stream.h"
#include "host/control/stream_options.h"
#include "host/pipeline/event.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_event_codec.h"
#include "tests/support/failing_vfs.h"
#include "tests/support/short_temp_dir.h"
#include "tests/support/status_matchers.h"
#include "tests/support/unsynced_disk.h"

namespace weir {
namespace {

using Fault = FailingVfs::Fault;
using Kind = StreamItem::Kind;

constexpr char kEpoch[] = "7k2mq9xv";

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* const text = std::getenv(name);
  uint64_t number = otherwise;
  if (text != nullptr && !absl::SimpleAtoi(text, &number)) std::abort();
  return number;
}

uint64_t SeqOf(absl::string_view id) {
  uint64_t seq = 0;
  absl::ConsumePrefix(&id, absl::StrCat(kEpoch, "-"));
  EXPECT_TRUE(id.empty() || absl::SimpleAtoi(id, &seq)) << id;
  return seq;
}

// One log through the lives of a machine that loses its power.
class History {
 public:
  History(uint64_t seed, bool full_sync)
      : random_(seed), full_sync_(full_sync), large_events_(seed % 8 == 0) {
    clock_.Advance(absl::Hours(1));
    options_.journal.path = absl::StrCat(dir_.path(), "/journal.db");
    options_.journal.vfs = FailingVfs::kName;
    options_.journal.full_sync = full_sync;
    options_.ring.chunk_events = static_cast<uint32_t>(1 + Draw(8));
    options_.ring.ring_events = 16;
    options_.retention = {};
    options_.retention.events = Draw(2) == 0 ? 0 : 40;
    options_.replay.threads = 0;
  }
  ~History() {
    broker_ = nullptr;
    Healthy();
  }

  void Play() {
    const int lives = static_cast<int>(1 + Draw(3));
    for (int life = 0; life < lives; ++life) {
      Live();
      if (testing::Test::HasFailure()) return;
    }
    // The last time, on the plain VFS, and with nothing that fails.
    options_.journal.vfs = "";
    ASSERT_NO_FATAL_FAILURE(Open());
    Check();
    Publish(1);
    log_->Step();
    Check();
    broker_ = nullptr;
    CheckFile();
  }

  uint64_t lost() const { return lost_; }
  uint64_t degraded() const { return degraded_; }

 private:
  uint64_t Draw(uint64_t below) { return random_() % below; }

  static void Healthy() {
    FailingVfs::Get().Set(Fault::kNone);
    FailingVfs::Get().SetOnWrite(nullptr);
    FailingVfs::Get().Watch(nullptr);
  }

  void Open() {
    options_.journal.boot_id = absl::StrCat("boot-", ++boots_);
    options_.journal.new_epoch =
        boots_ == 1 ? kEpoch : absl::StrCat("7k2mq9", 10 + boots_);
    auto log = JournaledLog::Open(options_, codec_, clock_);
    ASSERT_THAT(log, IsOk());
    log_ = log->get();
    ASSERT_EQ(log_->epoch(), kEpoch) << "the log was begun anew";
    broker_ = std::make_unique<Broker>(BrokerOptions(), *std::move(log), codec_,
                                       clock_);
    const uint64_t latest = SeqOf(broker_->Info().latest_id);
    EXPECT_GE(latest, shown_) << "numbers that were seen may be given again";
    // What came later was never shown, and its numbers may be given again.
    events_.erase(events_.upper_bound(latest), events_.end());
    shown_ = std::max(shown_, latest);
  }

  void Publish(uint64_t n) {
    for (uint64_t i = 0; i < n; ++i) {
      Event event;
      event.type = "a.b";
      event.source = "host";
      event.subject = absl::StrCat("no ", ++published_);
      event.json.assign(large_events_ ? 30'000 : Draw(200), 'x');
      const absl::StatusOr<uint64_t> seq = log_->Append(event);
      ASSERT_THAT(seq, IsOk());
      ASSERT_GT(*seq, shown_) << "a number is given twice";
      events_[*seq] = event.subject;
    }
  }

  // A life that ends with the power.
  void Live() {
    UnsyncedDisk disk;
    FailingVfs::Get().Watch(&disk);
    ASSERT_NO_FATAL_FAILURE(Open());
    Check();
    const std::string directory =
        std::filesystem::path(options_.journal.path).parent_path();
    const std::string image = absl::StrCat(dir_.path(), "/", boots_);
    std::filesystem::create_directory(image);
    const uint64_t writes_left = 1 + Draw(large_events_ ? 3000 : 150);
    uint64_t writes = 0;
    bool cut = false;
    FailingVfs::Get().SetOnWrite([&] {
      if (cut || ++writes < writes_left) return;
      cut = true;
      shown_ = std::max(shown_, SeqOf(broker_->Info().latest_id));
      safe_ = std::max(safe_, SeqOf(broker_->Info().durable_id));
      disk.WriteImage(directory, image,
                      Draw(2) == 0 ? UnsyncedDisk::Loss::kEverything
                                   : UnsyncedDisk::Loss::kSome,
                      Draw(1000));
      const std::string intact = options_.journal.path + "-intact";
      if (std::filesystem::exists(intact)) {
        std::filesystem::copy_file(intact, image + "/journal.db-intact");
      }
      FailingVfs::Get().Set(Fault::kWriteError);
    });
    while (!cut && !testing::Test::HasFailure()) {
      ASSERT_NO_FATAL_FAILURE(Publish(1 + Draw(6)));
      clock_.Advance(absl::Milliseconds(Draw(2000)));
      if (Draw(20) == 0) {
        FailAndRecover(&cut);
      } else {
        log_->Step();
      }
    }
    broker_ = nullptr;
    Healthy();
    options_.journal.path = image + "/journal.db";
    CheckFile();
  }

  // The disk is full or broken for a while.
  void FailAndRecover(const bool* cut) {
    FailingVfs::Get().Set(Draw(2) == 0 ? Fault::kDiskFull : Fault::kWriteError,
                          static_cast<int>(Draw(3)));
    for (uint64_t steps = 1 + Draw(8); steps > 0 && !*cut; --steps) {
      ASSERT_NO_FATAL_FAILURE(Publish(1 + Draw(6)));
      log_->Step();
    }
    if (*cut) return;
    if (log_->degraded()) {
      ++degraded_;
      EXPECT_EQ(broker_->Info().latest_id,
                absl::StrCat(kEpoch, "-", events_.rbegin()->first))
          << "events go on";
    }
    FailingVfs::Get().Set(Fault::kNone);
    log_->Step();
    EXPECT_TRUE(*cut || !log_->degraded());
  }

  // Reads everything: each number once, as the event that it was given to, or
  // in a gap; and no gap where the level promises none.
  void Check() {
    StreamOptions options;
    options.start.kind = StartPosition::Kind::kEarliest;
    auto stream = broker_->Open(options, [] {});
    ASSERT_THAT(stream, IsOk());
    const uint64_t latest = SeqOf(broker_->Info().latest_id);
    uint64_t at = SeqOf(broker_->Info().earliest_id);
    if (at == 0) at = latest + 1;
    StreamItem item;
    while (true) {
      if (!(*stream)->Next(&item)) {
        if (log_->ReadOne()) continue;
        break;
      }
      (*stream)->OnWritten(1);
      ASSERT_NE(item.kind, Kind::kEnd) << item.end;
      if (item.kind == Kind::kGap) {
        ASSERT_NO_FATAL_FAILURE(CheckGap(item, at));
        at += item.gap.missing;
      }
      for (const SharedBytes& piece : item.pieces) {
        for (const auto& line : FakeEventCodec::Parse(piece.bytes)) {
          ASSERT_EQ(line.seq, at++);
          ASSERT_EQ(events_[line.seq], line.subject);
        }
      }
    }
    ASSERT_EQ(at, latest + 1);
  }

  // `at` is the number that comes next.
  void CheckGap(const StreamItem& item, uint64_t at) {
    ASSERT_EQ(SeqOf(item.gap.after_id), at - 1);
    if (item.gap.reason == StreamItem::GapReason::kRetention) {
      ASSERT_GT(degraded_, 0u) << "only then the ring may have forgotten some";
    } else {
      ASSERT_EQ(item.gap.reason, StreamItem::GapReason::kUncleanShutdown)
          << item.gap.after_id << " to " << item.gap.before_id;
    }
    const auto first = events_.lower_bound(at);
    const auto end = events_.lower_bound(at + item.gap.missing);
    if (full_sync_ && first != end &&
        item.gap.reason == StreamItem::GapReason::kUncleanShutdown) {
      ASSERT_GT(first->first, safe_) << "it was on the disk for good";
    }
    lost_ += static_cast<uint64_t>(std::distance(first, end));
    events_.erase(first, end);
  }

  // What SQLite itself says of the file.
  void CheckFile() const {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(options_.journal.path.c_str(), &database),
              SQLITE_OK);
    sqlite3_stmt* check = nullptr;
    ASSERT_EQ(sqlite3_prepare_v2(database, "PRAGMA integrity_check", -1, &check,
                                 nullptr),
              SQLITE_OK);
    ASSERT_EQ(sqlite3_step(check), SQLITE_ROW);
    EXPECT_STREQ(reinterpret_cast<const char*>(sqlite3_column_text(check, 0)),
                 "ok");
    sqlite3_finalize(check);
    sqlite3_close(database);
  }

  std::mt19937_64 random_;
  const bool full_sync_;
  const bool large_events_;  // So many that there are checkpoints.
  const ShortTempDir dir_;
  FakeClock clock_;
  const FakeEventCodec codec_;
  JournaledLogOptions options_;
  int boots_ = 0;
  JournaledLog* log_ = nullptr;  // The broker's.
  std::unique_ptr<Broker> broker_;

  std::map<uint64_t, std::string> events_;  // What each number was given to.
  uint64_t published_ = 0;
  uint64_t shown_ = 0;  // The highest number that anybody has seen.
  uint64_t safe_ = 0;   // ... that was said to be on the disk.
  uint64_t lost_ = 0;
  uint64_t degraded_ = 0;
};

class PowerLossTest : public testing::TestWithParam<bool> {};

INSTANTIATE_TEST_SUITE_P(Levels, PowerLossTest, testing::Bool(),
                         [](const auto& full) {
                           return full.param ? "Full" : "Normal";
                         });

TEST_P(PowerLossTest, LosesNothingThatWasPromisedAndGivesNoNumberTwice) {
  const uint64_t first = FromEnvironment("WEIR_POWER_LOSS_SEED", 1);
  const uint64_t n = FromEnvironment("WEIR_POWER_LOSS_SEEDS", 50);
  uint64_t lost = 0;
  uint64_t degraded = 0;
  for (uint64_t seed = first; seed < first + n; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    History history(seed, GetParam());
    history.Play();
    if (HasFailure()) return;
    lost += history.lost();
    degraded += history.degraded();
  }
  std::printf("%llu events lost and said to be, %llu times degraded\n",
              static_cast<unsigned long long>(lost),
              static_cast<unsigned long long>(degraded));
  EXPECT_GT(degraded, n / 4) << "else that was not tried";
  EXPECT_TRUE(GetParam() || lost > n / 4) << "else the power took nothing";
}

}  // namespace
}  // namespace weir
