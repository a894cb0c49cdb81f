#include "host/source/line_framer.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace weir {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// All lines that end in `chunk`.
std::vector<std::string> Lines(LineFramer& framer, absl::string_view chunk) {
  std::vector<std::string> lines;
  absl::string_view line;
  while (framer.Next(&chunk, &line)) lines.emplace_back(line);
  return lines;
}

TEST(LineFramerTest, CutsTheSameLinesWhereverTheBytesWereSplit) {
  const std::string bytes =
      "ab\r\nc\n\n\r\nsix666\nseven77\nsix666\r\nx\ry\ntail";
  for (size_t i = 0; i <= bytes.size(); ++i) {
    for (size_t j = i; j <= bytes.size(); ++j) {
      LineFramer framer(/*max_line_bytes=*/6);
      std::vector<std::string> lines;
      for (const std::string& chunk :
           {bytes.substr(0, i), bytes.substr(i, j - i), bytes.substr(j)}) {
        for (std::string& line : Lines(framer, chunk)) lines.push_back(line);
      }
      framer.DropPartial();
      ASSERT_THAT(lines, ElementsAre("ab", "c", "six666", "six666", "x\ry"))
          << "split at " << i << " and " << j;
      ASSERT_EQ(framer.skipped().empty, 2u);
      ASSERT_EQ(framer.skipped().too_long, 1u);
      ASSERT_EQ(framer.skipped().partial, 1u);
    }
  }
}

TEST(LineFramerTest, DoesNotCopyALineThatIsWholeInItsChunk) {
  LineFramer framer;
  const std::string bytes = "one\ntwo\n";
  absl::string_view chunk = bytes, line;
  ASSERT_TRUE(framer.Next(&chunk, &line));
  EXPECT_EQ(line.data(), bytes.data());
  ASSERT_TRUE(framer.Next(&chunk, &line));
  EXPECT_EQ(line.data(), bytes.data() + 4);
}

TEST(LineFramerTest, KeepsASplitLineUntilTheNextChunkWasBegun) {
  LineFramer framer;
  EXPECT_THAT(Lines(framer, "fir"), IsEmpty());
  absl::string_view chunk = "st\nsecond\nthi", first, line;
  ASSERT_TRUE(framer.Next(&chunk, &first));
  ASSERT_TRUE(framer.Next(&chunk, &line));
  ASSERT_FALSE(framer.Next(&chunk, &line));
  EXPECT_EQ(first, "first") << "though a new tail is kept by now";
}

// The program that this replaces stopped at 64 KiB, and reconnected.
TEST(LineFramerTest, TakesALineOf64KiBAndALineOfTheLimit) {
  LineFramer framer;
  for (const size_t size : {size_t{64} << 10, (size_t{64} << 10) + 1,
                            LineFramer::kDefaultMaxLineBytes}) {
    const std::string long_line(size, 'x');
    EXPECT_THAT(Lines(framer, long_line + "\n"), ElementsAre(long_line));
  }
  EXPECT_EQ(framer.skipped().too_long, 0u);
}

TEST(LineFramerTest, SkipsALineThatIsTooLongAndGoesOn) {
  LineFramer framer;
  const std::string too_long(LineFramer::kDefaultMaxLineBytes + 1, 'x');
  EXPECT_THAT(Lines(framer, "before\n" + too_long + "\nafter\n"),
              ElementsAre("before", "after"));
  EXPECT_EQ(framer.skipped().too_long, 1u);
}

TEST(LineFramerTest, SkipsATooLongLineThatComesInManyPieces) {
  LineFramer framer(/*max_line_bytes=*/100);
  for (int i = 0; i < 1000; ++i) {
    ASSERT_THAT(Lines(framer, "0123456789"), IsEmpty());
  }
  EXPECT_THAT(Lines(framer, "\nafter\n"), ElementsAre("after"));
  EXPECT_EQ(framer.skipped().too_long, 1u);
}

TEST(LineFramerTest, OneMalformedLineDoesNotDropTheConnection) {
  LineFramer framer;
  const std::string garbage("{\"type\":\0\xff\xfe garbage", 19);
  EXPECT_THAT(Lines(framer, "good\n" + garbage + "\ngood\n"),
              ElementsAre("good", garbage, "good"));
}

TEST(LineFramerTest, DropsAndCountsWhatAConnectionEndedIn) {
  LineFramer framer;
  EXPECT_THAT(Lines(framer, "whole\nhal"), ElementsAre("whole"));
  framer.DropPartial();
  framer.DropPartial();
  EXPECT_EQ(framer.skipped().partial, 1u);
  EXPECT_THAT(Lines(framer, "next\n"), ElementsAre("next"));
}

TEST(LineFramerTest, TakesTheLastLineOfAFileWithoutAnEnd) {
  LineFramer framer;
  EXPECT_THAT(Lines(framer, "one\ntwo"), ElementsAre("one"));
  absl::string_view line;
  ASSERT_TRUE(framer.TakeRest(&line));
  EXPECT_EQ(line, "two");
  EXPECT_FALSE(framer.TakeRest(&line));
}

}  // namespace
}  // namespace weir
