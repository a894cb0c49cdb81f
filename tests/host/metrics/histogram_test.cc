#include "host/metrics/histogram.h"

#include <cstdint>
#include <vector>

#include "gtest/gtest.h"
#include "host/metrics/distribution.h"

namespace weir {
namespace {

constexpr int64_t kWindow = Histogram::kWindowNs;

TEST(HistogramTest, TellsNothingBeforeSomethingWasRecorded) {
  Histogram histogram;
  histogram.Record(5, /*weight=*/0, 0);
  const Distribution read = histogram.Read(kWindow);
  EXPECT_EQ(read.count, 0u);
  EXPECT_EQ(read.max_ns, 0u);
  EXPECT_EQ(read.p99_ns, 0u);
}

TEST(HistogramTest, CountsEachDurationAsOftenAsItsWeightSays) {
  Histogram histogram;
  histogram.Record(100, 3, 0);
  histogram.Record(10, 1, 0);
  const Distribution read = histogram.Read(0);
  EXPECT_EQ(read.count, 4u);
  EXPECT_EQ(read.sum_ns, 310u);
  EXPECT_EQ(read.min_ns, 10u);
  EXPECT_EQ(read.max_ns, 100u);
}

TEST(HistogramTest, FindsQuantilesToFourPercentAtEveryMagnitude) {
  for (uint64_t ns = 1; ns < uint64_t{1} << 40; ns = ns * 3 / 2 + 1) {
    Histogram histogram;
    histogram.Record(1, 1, 0);
    histogram.Record(ns, 98, 0);
    histogram.Record(uint64_t{1} << 41, 1, 0);
    const auto p50 = static_cast<double>(histogram.Read(0).p50_ns);
    EXPECT_NEAR(p50, static_cast<double>(ns), 0.04 * static_cast<double>(ns));
  }
}

TEST(HistogramTest, PutsTheQuantilesInTheirPlaces) {
  Histogram histogram;
  for (uint64_t i = 1; i <= 10'000; ++i) histogram.Record(i * 1000, 1, 0);
  const Distribution read = histogram.Read(0);
  EXPECT_NEAR(static_cast<double>(read.p50_ns), 5.0e6, 0.04 * 5.0e6);
  EXPECT_NEAR(static_cast<double>(read.p90_ns), 9.0e6, 0.04 * 9.0e6);
  EXPECT_NEAR(static_cast<double>(read.p99_ns), 9.9e6, 0.04 * 9.9e6);
  EXPECT_NEAR(static_cast<double>(read.p999_ns), 9.99e6, 0.04 * 9.99e6);
}

TEST(HistogramTest, TakesQuantilesFromTheLastCompleteWindow) {
  Histogram histogram;
  struct Case {
    const char* why;
    int64_t now_ns;
    uint64_t want;
  };
  histogram.Record(10, 100, 0);
  histogram.Record(1, 1, kWindow);  // Another window: 10 is complete.
  for (const Case& c : std::vector<Case>{
           {"the one before", kWindow, 10},
           {"still that one", 2 * kWindow - 1, 10},
           {"the second is complete now", 2 * kWindow, 1},
           {"nothing happened in the one before", 4 * kWindow, 0},
       }) {
    EXPECT_EQ(histogram.Read(c.now_ns).p50_ns, c.want) << c.why;
    EXPECT_EQ(histogram.Read(c.now_ns).count, 101u) << c.why;
  }
}

TEST(HistogramTest, CountsWhatIsTooLongInTheLastBucket) {
  Histogram histogram;
  histogram.Record(UINT64_MAX, 1, 0);
  EXPECT_EQ(histogram.Read(0).max_ns, UINT64_MAX);
  EXPECT_EQ(histogram.Read(0).count, 1u);
}

TEST(HistogramTest, StartsOver) {
  Histogram histogram;
  histogram.Record(5, 5, 0);
  histogram.Reset();
  EXPECT_EQ(histogram.Read(0).count, 0u);
}

}  // namespace
}  // namespace weir
