#include "host/metrics/rate_meter.h"

#include <cstdint>

#include "gtest/gtest.h"

namespace weir {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

TEST(RateMeterTest, IsZeroBeforeTheFirst) {
  RateMeter meter;
  EXPECT_EQ(meter.PerSecond(5 * kSecond), 0);
}

TEST(RateMeterTest, CountsTheFirstSecondAsAWholeOne) {
  RateMeter meter;
  meter.Add(500, kSecond / 2);
  EXPECT_EQ(meter.PerSecond(kSecond / 2), 500);
}

TEST(RateMeterTest, TellsTheRateSinceTheFirstWhileYounger) {
  RateMeter meter;
  meter.Add(100, 0);
  meter.Add(100, 5 * kSecond);
  EXPECT_DOUBLE_EQ(meter.PerSecond(10 * kSecond), 20);
}

TEST(RateMeterTest, TellsTheRateOfTheLastMinute) {
  RateMeter meter;
  for (int64_t second = 0; second < 300; ++second) {
    meter.Add(second < 200 ? 1000 : 10, second * kSecond);
  }
  EXPECT_DOUBLE_EQ(meter.PerSecond(299 * kSecond), 10);
}

TEST(RateMeterTest, ForgetsWhatIsOlderThanAMinute) {
  RateMeter meter;
  meter.Add(6000, 0);
  EXPECT_DOUBLE_EQ(meter.PerSecond(59 * kSecond), 6000 / 59.0);
  EXPECT_EQ(meter.PerSecond(60 * kSecond), 0);
  EXPECT_EQ(meter.PerSecond(1000 * kSecond), 0);
}

}  // namespace
}  // namespace weir
