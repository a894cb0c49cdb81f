#include "host/source/replay_file_source.h"

#include <zlib.h>
#include <zstd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/pipeline/frame_batch.h"
#include "host/pipeline/receipt.h"
#include "host/source/source_error.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_sleeper_factory.h"
#include "tests/support/shared_data.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string Zstd(const std::string& text) {
  std::string packed(ZSTD_compressBound(text.size()), '\0');
  packed.resize(
      ZSTD_compress(packed.data(), packed.size(), text.data(), text.size(), 3));
  return packed;
}

std::string Gzip(const std::string& text) {
  z_stream stream = {};
  deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string packed(deflateBound(&stream, text.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

class ReplayFileSourceTest : public testing::Test {
 protected:
  ReplayFileSourceTest() {
    std::filesystem::create_directory(folder_);
    options_.state_file = absl::StrCat(folder_, "/state");
    options_.speed = 0;
  }

  // Writes a recording and plays it from now on.
  void Record(const std::string& name, const std::string& bytes) {
    options_.path = absl::StrCat(folder_, "/", name);
    std::ofstream(options_.path, std::ios::binary) << bytes;
  }

  // All frames until the first error, which goes into end_. Completes each
  // batch.
  std::vector<std::string> Play(ReplayFileSource& source) {
    end_ = source.Connect();
    std::vector<std::string> frames;
    while (end_.ok()) {
      FrameBatch batch;
      end_ = source.Read(&batch);
      for (const auto frame : batch.frames) frames.emplace_back(frame);
      batch.receipt.Complete(Outcome::kAllProcessed);
    }
    return frames;
  }

  std::vector<std::string> Play() {
    ReplayFileSource source(options_, clock_, sleepers_.factory());
    return Play(source);
  }

  const std::string folder_ = absl::StrCat(
      testing::TempDir(), "/",
      testing::UnitTest::GetInstance()->current_test_info()->name());
  FakeClock clock_;
  FakeSleeperFactory sleepers_{clock_};
  ReplayFileOptions options_;
  absl::Status end_;
};

TEST_F(ReplayFileSourceTest, PlaysEachKindOfFileToItsEnd) {
  std::string text;
  std::vector<std::string> lines;
  for (int i = 0; i < 50'000; ++i) {
    lines.push_back(absl::StrCat("{\"line\":", i, "}"));
    absl::StrAppend(&text, lines.back(), i % 2 == 0 ? "\n" : "\r\n");
  }
  struct Case {
    const char* why;
    std::string name, bytes;
  };
  for (const Case& c : std::vector<Case>{
           {"plain", "a.jsonl", text},
           {"zstd", "a.jsonl.zst", Zstd(text)},
           {"gzip", "a.jsonl.gz", Gzip(text)},
           {"two zstd frames", "b.zst",
            Zstd(text.substr(0, 1001)) + Zstd(text.substr(1001))},
           {"two gzip members", "b.gz",
            Gzip(text.substr(0, 1001)) + Gzip(text.substr(1001))},
           {"no end of line at the end", "c.jsonl",
            text.substr(0, text.size() - 2)},
       }) {
    Record(c.name, c.bytes);
    EXPECT_EQ(Play(), lines) << c.why;
    EXPECT_TRUE(absl::IsOutOfRange(end_)) << c.why << ": " << end_;
  }
  EXPECT_THAT(sleepers_.slept(), IsEmpty());
}

TEST_F(ReplayFileSourceTest, SaysWhereAFileIsCutShortAfterAllThatIsWhole) {
  std::string text;
  for (int i = 0; i < 200'000; ++i) absl::StrAppend(&text, i, "\n");
  for (const bool zstd : {true, false}) {
    const std::string packed = zstd ? Zstd(text) : Gzip(text);
    Record(zstd ? "a.zst" : "a.gz", packed.substr(0, packed.size() / 2));
    EXPECT_GT(Play().size(), 1'000u);
    EXPECT_THAT(end_,
                StatusIs(absl::StatusCode::kDataLoss,
                         AllOf(HasSubstr(options_.path),
                               HasSubstr(absl::StrCat("cut short at byte ",
                                                      packed.size() / 2)))));
    EXPECT_EQ(GetSourceError(end_).kind, "protocol");
  }
}

TEST_F(ReplayFileSourceTest, SaysWhereAFileIsDamaged) {
  for (const char* name : {"a.zst", "a.gz"}) {
    Record(name, "this was never packed, and says so early");
    EXPECT_THAT(Play(), IsEmpty());
    EXPECT_THAT(end_, StatusIs(absl::StatusCode::kDataLoss,
                               AllOf(HasSubstr(name), HasSubstr("damaged"),
                                     HasSubstr("at byte"))));
  }
}

TEST_F(ReplayFileSourceTest, MissingFileIsFinal) {
  options_.path = folder_ + "/missing.jsonl";
  EXPECT_THAT(Play(), IsEmpty());
  EXPECT_THAT(end_,
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("missing")));
}

// Three lines, 2 s and 0.5 s apart, one that is late, one without a time.
constexpr char kTimed[] =
    "{\"timestamp\":100.0}\n{\"timestamp\":102.0}\n{\"timestamp\":101.9}\n"
    "{\"no\":1}\n{\"timestamp\":102.5}\n";

TEST_F(ReplayFileSourceTest, PlaysAsFastAsItWasRecorded) {
  options_.speed = 1;
  Record("a.jsonl", kTimed);
  EXPECT_THAT(Play(), SizeIs(5));
  EXPECT_THAT(sleepers_.slept(),
              ElementsAre(absl::Seconds(2), absl::Milliseconds(500)));
}

TEST_F(ReplayFileSourceTest, PlaysTenTimesAsFast) {
  options_.speed = 10;
  Record("a.jsonl", kTimed);
  EXPECT_THAT(Play(), SizeIs(5));
  EXPECT_THAT(sleepers_.slept(),
              ElementsAre(absl::Milliseconds(200), absl::Milliseconds(50)));
}

TEST_F(ReplayFileSourceTest, WaitsAMinuteAtMostWhereRecordingsWerePutTogether) {
  options_.speed = 1;
  Record("a.jsonl",
         "{\"timestamp\":100}\n{\"timestamp\":900000}\n"
         "{\"timestamp\":900001}\n{\"timestamp\":50}\n{\"timestamp\":53}\n");
  EXPECT_THAT(Play(), SizeIs(5));
  EXPECT_THAT(sleepers_.slept(), ElementsAre(absl::Minutes(1), absl::Seconds(1),
                                             absl::Seconds(3)));
}

TEST_F(ReplayFileSourceTest, BeginsAtATime) {
  options_.start_time = absl::FromUnixMillis(102'000);
  Record("a.jsonl", kTimed);
  EXPECT_THAT(Play(), ElementsAre("{\"timestamp\":102.0}", "{\"no\":1}",
                                  "{\"timestamp\":102.5}"));
}

TEST_F(ReplayFileSourceTest, PlaysItsLoops) {
  options_.loops = 3;
  Record("a.jsonl", "a\nb\n");
  EXPECT_THAT(Play(), ElementsAre("a", "b", "a", "b", "a", "b"));
}

TEST_F(ReplayFileSourceTest, DoesNotSpinOnAnEmptyFileForEver) {
  options_.endless = true;
  Record("a.jsonl", "\n\n");
  EXPECT_THAT(Play(), IsEmpty());
  EXPECT_THAT(end_, StatusIs(absl::StatusCode::kFailedPrecondition,
                             HasSubstr("no lines")));
}

TEST_F(ReplayFileSourceTest, ResumesAfterTheLastLineThatWasCompleted) {
  options_.resume = true;
  // Big enough for three batches.
  std::string text;
  for (int i = 0; i < 700; ++i) {
    absl::StrAppend(&text, i, " ", std::string(1'000, 'x'), "\n");
  }
  Record("a.jsonl.zst", Zstd(text));
  size_t completed = 0;
  {
    ReplayFileSource source(options_, clock_, sleepers_.factory());
    ASSERT_THAT(source.Connect(), IsOk());
    FrameBatch first, second;
    ASSERT_THAT(source.Read(&first), IsOk());
    completed = first.frames.size();
    ASSERT_THAT(source.Read(&second), IsOk());
    first.receipt.Complete(Outcome::kAllProcessed);
    source.Interrupt();  // The host stops, and throws the second away.
  }
  const std::vector<std::string> rest = Play();
  ASSERT_THAT(rest, SizeIs(700 - completed));
  EXPECT_THAT(rest[0], testing::StartsWith(absl::StrCat(completed, " ")));
  EXPECT_THAT(Play(), IsEmpty()) << "all was completed by now";
}

TEST_F(ReplayFileSourceTest, SaysThatTheStateIsOfAnotherRecording) {
  options_.resume = true;
  std::ofstream(options_.state_file) << "{\"loop\":0,\"offset\":9,\"lines\":1}";
  Record("a.jsonl", "a\nb\n");
  EXPECT_THAT(Play(), IsEmpty());
  EXPECT_THAT(end_, StatusIs(absl::StatusCode::kFailedPrecondition,
                             HasSubstr("another recording")));
}

TEST_F(ReplayFileSourceTest, GoesOnAfterAnInterruptWithNothingTwice) {
  options_.speed = 1;
  Record("a.jsonl", kTimed);
  sleepers_.Hold();
  ReplayFileSource source(options_, clock_, sleepers_.factory());
  ASSERT_THAT(source.Connect(), IsOk());
  FrameBatch batch;
  ASSERT_THAT(source.Read(&batch), IsOk());
  EXPECT_THAT(batch.frames, SizeIs(1));
  std::thread thread([&] {
    sleepers_.WaitUntilAsleep();
    source.Interrupt();
  });
  FrameBatch none;
  EXPECT_TRUE(absl::IsCancelled(source.Read(&none)));
  thread.join();
  EXPECT_TRUE(absl::IsCancelled(source.Connect()));
  source.Rearm();
  ASSERT_THAT(source.Connect(), IsOk());
  FrameBatch next;
  ASSERT_THAT(source.Read(&next), IsOk());
  ASSERT_THAT(next.frames, testing::Not(IsEmpty()));
  EXPECT_EQ(next.frames[0], "{\"timestamp\":102.0}");
  EXPECT_EQ(source.GetProgress().upstream_position,
            "{\"loop\":0,\"offset\":69,\"lines\":4}");
}

TEST_F(ReplayFileSourceTest, CountsWhatItSkips) {
  options_.max_payload_bytes = 3;
  Record("a.jsonl", "abc\n\nabcd\nx\n");
  ReplayFileSource source(options_, clock_, sleepers_.factory());
  EXPECT_THAT(Play(source), ElementsAre("abc", "x"));
  EXPECT_EQ(source.GetProgress().skipped_by_reason["empty"], 1u);
  EXPECT_EQ(source.GetProgress().skipped_by_reason["too_long"], 1u);
}

TEST_F(ReplayFileSourceTest, ReadsEveryLineOfARealRecording) {
  constexpr char kName[] = "rislive/updates-dev.jsonl.zst";
  options_.path = SharedData(kName, "host/source/replay_file_source.h");
  if (options_.path.empty()) GTEST_SKIP() << SharedDataMissing(kName);
  EXPECT_THAT(Play(), SizeIs(188'155));
}

}  // namespace
}  // namespace weir
