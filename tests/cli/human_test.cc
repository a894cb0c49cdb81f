#include "cli/human.h"

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace weir {
namespace {

TEST(HumanTest, SeparatesThousands) {
  EXPECT_EQ(cli::Thousands(0), "0");
  EXPECT_EQ(cli::Thousands(999), "999");
  EXPECT_EQ(cli::Thousands(1000), "1,000");
  EXPECT_EQ(cli::Thousands(188155), "188,155");
  EXPECT_EQ(cli::Thousands(UINT64_MAX), "18,446,744,073,709,551,615");
}

TEST(HumanTest, RoundsRates) {
  EXPECT_EQ(cli::PerSecond(0), "0/s");
  EXPECT_EQ(cli::PerSecond(0.26), "0.3/s");
  EXPECT_EQ(cli::PerSecond(9.96), "10/s");
  EXPECT_EQ(cli::PerSecond(4411.7), "4,412/s");
  EXPECT_EQ(cli::BitsPerSecond(850), "850 bit/s");
  EXPECT_EQ(cli::BitsPerSecond(12'340'000), "12.3 Mbit/s");
}

TEST(HumanTest, CountsBytesInBinaryUnits) {
  EXPECT_EQ(cli::Bytes(1023), "1023 B");
  EXPECT_EQ(cli::Bytes(1536), "1.5 KiB");
  EXPECT_EQ(cli::Bytes(40'055'603), "38.2 MiB");
}

TEST(HumanTest, SaysTheTwoLargestUnitsOfASpan) {
  EXPECT_EQ(cli::Span(absl::ZeroDuration()), "0s");
  EXPECT_EQ(cli::Span(-absl::Seconds(1)), "0s");
  EXPECT_EQ(cli::Span(absl::Nanoseconds(850)), "850ns");
  EXPECT_EQ(cli::Span(absl::Nanoseconds(1200)), "1.2us");
  EXPECT_EQ(cli::Span(absl::Milliseconds(250)), "250ms");
  EXPECT_EQ(cli::Span(absl::Milliseconds(4200)), "4.2s");
  EXPECT_EQ(cli::Span(absl::Seconds(724)), "12m 4s");
  EXPECT_EQ(cli::Span(absl::Minutes(192)), "3h 12m");
  EXPECT_EQ(cli::Span(absl::Hours(49)), "2d 1h");
}

TEST(HumanTest, DrawsAFullBarOnlyWhenItIsFull) {
  EXPECT_EQ(cli::Bar(0, 100), "[..........]");
  EXPECT_EQ(cli::Bar(41, 100), "[####......]");
  EXPECT_EQ(cli::Bar(99, 100), "[#########.]");
  EXPECT_EQ(cli::Bar(100, 100), "[##########]");
  EXPECT_EQ(cli::Bar(5, 0), "[..........]");
  EXPECT_EQ(cli::Percent(41, 100), "41 %");
  EXPECT_EQ(cli::Percent(0, 0), "-");
}

TEST(HumanTest, WritesEnumsAsWords) {
  EXPECT_EQ(cli::EnumWords("STATE_BACKING_OFF", "STATE_"), "backing off");
  EXPECT_EQ(cli::EnumWords("STATE_UNSPECIFIED", "STATE_"), "-");
  EXPECT_EQ(cli::EnumWords("", "STATE_"), "?");
}

}  // namespace
}  // namespace weir
