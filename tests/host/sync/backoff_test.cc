#include "host/sync/backoff.h"

#include <algorithm>
#include <random>

#include "absl/random/bit_gen_ref.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "tests/fakes/steady_random.h"

namespace weir {
namespace {

TEST(BackoffTest, DoublesFromFiveSecondsTo320ByDefault) {
  SteadyRandom random;
  Backoff backoff({}, absl::BitGenRef(random));
  for (const int want : {5, 10, 20, 40, 80, 160, 320, 320}) {
    EXPECT_NEAR(absl::ToDoubleSeconds(backoff.Next()), want, 1e-6);
  }
}

TEST(BackoffTest, GrowsByItsMultiplierUntilTheMaximum) {
  SteadyRandom random;
  Backoff backoff({.initial = absl::Milliseconds(10),
                   .max = absl::Milliseconds(40),
                   .multiplier = 1.5},
                  absl::BitGenRef(random));
  for (const double want : {0.010, 0.015, 0.0225, 0.03375, 0.040, 0.040}) {
    EXPECT_NEAR(absl::ToDoubleSeconds(backoff.Next()), want, 1e-6);
  }
}

TEST(BackoffTest, StartsOverOnceReset) {
  SteadyRandom random;
  Backoff backoff({.initial = absl::Seconds(1)}, absl::BitGenRef(random));
  backoff.Next();
  backoff.Next();
  backoff.Reset();
  EXPECT_NEAR(absl::ToDoubleSeconds(backoff.Next()), 1, 1e-6);
}

TEST(BackoffTest, SpreadsDelaysByItsJitterAndNeverBeyond) {
  std::mt19937_64 random(1);
  Backoff backoff({.initial = absl::Seconds(8), .multiplier = 1},
                  absl::BitGenRef(random));
  double least = 100, most = 0;
  for (int i = 0; i < 1000; ++i) {
    const double delay = absl::ToDoubleSeconds(backoff.Next());
    least = std::min(least, delay);
    most = std::max(most, delay);
  }
  EXPECT_GE(least, 4) << "half of it at most is taken away";
  EXPECT_LT(least, 4.1) << "and so much is, at times";
  EXPECT_LE(most, 8);
  EXPECT_GT(most, 7.9);
}

TEST(BackoffTest, HasNoJitterIfToldSo) {
  std::mt19937_64 random(1);
  Backoff backoff({.initial = absl::Seconds(8), .multiplier = 1, .jitter = 0},
                  absl::BitGenRef(random));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(backoff.Next(), absl::Seconds(8));
}

}  // namespace
}  // namespace weir
