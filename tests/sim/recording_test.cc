#include "sim/recording.h"

#include <zstd.h>

#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sim/recording_source.h"
#include "tests/support/status_matchers.h"

namespace weir::sim {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string WriteFile(const std::string& name, const std::string& bytes) {
  const std::string path = absl::StrCat(std::getenv("TEST_TMPDIR"), "/", name);
  std::ofstream(path, std::ios::binary) << bytes;
  return path;
}

std::string Compressed(const std::string& text) {
  std::string bytes(ZSTD_compressBound(text.size()), '\0');
  bytes.resize(
      ZSTD_compress(bytes.data(), bytes.size(), text.data(), text.size(), 1));
  return bytes;
}

std::string At(const std::string& seconds) {
  return absl::StrCat("{\"data\":{\"timestamp\":", seconds, ",\"x\":1}}\n");
}

TEST(RecordingTest, HasTheLinesOfItsFile) {
  const auto plain = Recording::Load(WriteFile("a.jsonl", "one\n\ntwo\nthree"));
  ASSERT_THAT(plain, IsOk());
  EXPECT_EQ(plain->size(), 3u);
  EXPECT_EQ(plain->Lines(0, 1), "one\n\n");
  EXPECT_EQ(plain->Lines(1, 3), "two\nthree\n");
}

TEST(RecordingTest, DecompressesAllFramesOfAZstdFile) {
  std::string much;
  for (int i = 0; i < 100000; ++i) absl::StrAppend(&much, "line ", i, "\n");
  const auto recording = Recording::Load(
      WriteFile("b.jsonl.zst", Compressed(much) + Compressed("last\n")));
  ASSERT_THAT(recording, IsOk());
  EXPECT_EQ(recording->size(), 100001u);
  EXPECT_EQ(recording->Lines(0, 100000), much);
  EXPECT_EQ(recording->Lines(100000, 100001), "last\n");
}

TEST(RecordingTest, RefusesAFileThatItCannotServe) {
  const std::string whole = Compressed("one\ntwo\n");
  EXPECT_THAT(Recording::Load("/nowhere/x.jsonl"),
              StatusIs(absl::StatusCode::kNotFound,
                       HasSubstr("opening /nowhere/x.jsonl")));
  EXPECT_THAT(Recording::Load(WriteFile("empty", "\n\n")),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("no line in it"), HasSubstr("/empty"))));
  EXPECT_THAT(
      Recording::Load(WriteFile("cut", whole.substr(0, whole.size() - 3))),
      StatusIs(absl::StatusCode::kDataLoss,
               HasSubstr("ends in the middle of a frame")));
  EXPECT_THAT(Recording::Load(WriteFile("bad", whole + "rubbish")),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("zstd: ")));
}

TEST(RecordingTest, FindsWhatFits) {
  const auto recording = Recording::FromText("12345\n12\n123\n");
  ASSERT_THAT(recording, IsOk());
  EXPECT_EQ(recording->EndWithin(0, 100), 3u);
  EXPECT_EQ(recording->EndWithin(0, 9), 2u);
  EXPECT_EQ(recording->EndWithin(0, 8), 1u);
  EXPECT_EQ(recording->EndWithin(0, 1), 1u) << "one line, even if too long";
  EXPECT_EQ(recording->EndWithin(1, 3), 2u);
}

TEST(RecordingTest, TellsWhenItsLinesCame) {
  const auto recording = Recording::FromText(
      absl::StrCat(At("100.000"), At("101.500"), At("101.000"), At("101.750"),
                   "no time\n", At("500"), At("7.25"), At("8.25")));
  ASSERT_THAT(recording, IsOk());
  EXPECT_THAT(
      recording->Offsets(),
      ElementsAre(absl::ZeroDuration(), absl::Milliseconds(1500),
                  absl::Milliseconds(1500), absl::Milliseconds(1750),
                  absl::Milliseconds(1750), absl::Milliseconds(11750),
                  absl::Milliseconds(11750), absl::Milliseconds(12750)));
}

class RecordingSourceTest : public testing::Test {
 protected:
  static RecordingSource SourceOf(double speed, uint64_t loops) {
    return RecordingSource(std::make_shared<const RecordingPlan>(
        *Recording::FromText(
            absl::StrCat(At("10.000"), At("11.000"), At("14.000"))),
        speed, loops));
  }

  static uint64_t Take(RecordingSource& source, absl::Duration until) {
    return source.Take(until, 100, 1000, absl::UnixEpoch()).messages;
  }
};

TEST_F(RecordingSourceTest, GivesTheLinesThatAreDue) {
  RecordingSource source = SourceOf(/*speed=*/2, /*loops=*/1);
  EXPECT_EQ(source.NextAt(), absl::ZeroDuration());
  EXPECT_EQ(Take(source, absl::Milliseconds(600)), 2u);
  EXPECT_EQ(source.NextAt(), absl::Seconds(2));
  EXPECT_EQ(Take(source, absl::Seconds(2)), 1u);
  EXPECT_EQ(source.NextAt(), std::nullopt);
}

TEST_F(RecordingSourceTest, GoesOnFromItsEndAsOftenAsToldTo) {
  RecordingSource source = SourceOf(/*speed=*/1, /*loops=*/2);
  EXPECT_EQ(Take(source, absl::Seconds(4)), 3u);
  EXPECT_EQ(source.NextAt(), absl::Seconds(4));
  EXPECT_EQ(Take(source, absl::Seconds(5)), 2u);
  EXPECT_EQ(Take(source, absl::Seconds(8)), 1u);
  EXPECT_EQ(source.NextAt(), std::nullopt);
}

TEST_F(RecordingSourceTest, NeverWaitsAtMaximumSpeed) {
  RecordingSource source = SourceOf(/*speed=*/0, /*loops=*/0);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(source.NextAt(), absl::ZeroDuration());
    EXPECT_EQ(Take(source, absl::ZeroDuration()), 3u);
  }
}

}  // namespace
}  // namespace weir::sim
