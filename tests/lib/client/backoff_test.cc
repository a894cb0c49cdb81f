#include "lib/client/backoff.h"

#include <cstdint>

#include "absl/random/bit_gen_ref.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/steady_random.h"

namespace weir {
namespace {

using client::Backoff;
using testing::ElementsAre;

constexpr client::BackoffOptions kOptions = {.initial = absl::Seconds(1),
                                             .maximum = absl::Seconds(5)};

// Chance at its lower end, where SteadyRandom is at its upper one.
struct LowRandom {
  using result_type = uint64_t;
  static constexpr uint64_t min() { return 0; }
  static constexpr uint64_t max() { return UINT64_MAX; }
  uint64_t operator()() const { return 0; }
};

int64_t Milliseconds(absl::Duration duration) {
  return absl::ToInt64Milliseconds(absl::Ceil(duration, absl::Milliseconds(1)));
}

template <typename Random>
std::vector<int64_t> Waits(int count, absl::Duration at_least) {
  Random random;
  Backoff backoff(kOptions, absl::BitGenRef(random));
  std::vector<int64_t> waits;
  for (int i = 0; i < count; ++i) {
    waits.push_back(Milliseconds(backoff.Next(at_least)));
  }
  return waits;
}

TEST(BackoffTest, DoublesUpToItsMaximum) {
  EXPECT_THAT(Waits<SteadyRandom>(5, absl::ZeroDuration()),
              ElementsAre(1000, 2000, 4000, 5000, 5000));
}

TEST(BackoffTest, IsShorterByHalfAtMost) {
  EXPECT_THAT(Waits<LowRandom>(4, absl::ZeroDuration()),
              ElementsAre(500, 1000, 2000, 2500));
}

TEST(BackoffTest, WaitsAtLeastAsLongAsTheServerAsked) {
  EXPECT_THAT(Waits<LowRandom>(2, absl::Seconds(8)), ElementsAre(8000, 8000));
}

TEST(BackoffTest, SpreadsClientsThatWereToldTheSameWait) {
  EXPECT_THAT(Waits<SteadyRandom>(1, absl::Seconds(8)), ElementsAre(12000));
}

TEST(BackoffTest, IsShortAgainAfterReset) {
  SteadyRandom random;
  Backoff backoff(kOptions, absl::BitGenRef(random));
  backoff.Next(absl::ZeroDuration());
  backoff.Next(absl::ZeroDuration());

  backoff.Reset();

  EXPECT_EQ(Milliseconds(backoff.Next(absl::ZeroDuration())), 1000);
}

}  // namespace
}  // namespace weir
