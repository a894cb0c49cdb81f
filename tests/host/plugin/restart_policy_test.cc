#include "host/plugin/restart_policy.h"

#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace weir {
namespace {

constexpr absl::Duration kDay = absl::Hours(24);
const absl::Time kStart = absl::UnixEpoch() + 365 * kDay;

TEST(RestartPolicyTest, RestartsAtOnceThenWaitsTwiceAsLongEachTime) {
  RestartPolicy policy(0, 1);
  EXPECT_EQ(policy.OnCrash(kStart, kStart), absl::ZeroDuration());
  absl::Duration expected = RestartPolicy::kFirstDelay;
  for (int i = 0; i < 12; ++i) {
    const std::optional<absl::Duration> delay = policy.OnCrash(kStart, kStart);
    ASSERT_TRUE(delay.has_value());
    EXPECT_GE(*delay, 0.8 * expected) << i;
    EXPECT_LE(*delay, 1.2 * expected) << i;
    expected = std::min(2 * expected, RestartPolicy::kMaxDelay);
  }
}

TEST(RestartPolicyTest, BeginsAnewOnceItWasHealthy) {
  RestartPolicy policy(0, 1);
  policy.OnCrash(kStart, kStart);
  policy.OnCrash(kStart, kStart);
  EXPECT_GT(policy.OnCrash(kStart, kStart + absl::Seconds(59)),
            absl::ZeroDuration());
  EXPECT_EQ(policy.OnCrash(kStart, kStart + absl::Seconds(60)),
            absl::ZeroDuration());
}

TEST(RestartPolicyTest, SuffersSoManyCrashesWithinTenMinutes) {
  struct Case {
    const char* why;
    std::vector<double> minutes;
    bool given_up;
  };
  const std::vector<Case> cases = {
      {"two are suffered", {0, 1}, false},
      {"the third is one too many", {0, 1, 2}, true},
      {"the first is forgotten after ten minutes", {0, 1, 10.1}, false},
      {"the end of the window counts", {0, 1, 10}, true},
  };
  for (const Case& c : cases) {
    RestartPolicy policy(2, 1);
    std::optional<absl::Duration> last;
    for (const double minute : c.minutes) {
      const absl::Time now = kStart + absl::Minutes(minute);
      last = policy.OnCrash(now, now);
    }
    EXPECT_EQ(!last.has_value(), c.given_up) << c.why;
  }
}

TEST(RestartPolicyTest, ForgetsWhatWasOnceAnOperatorTookItInHand) {
  RestartPolicy policy(1, 1);
  policy.OnCrash(kStart, kStart);
  EXPECT_EQ(policy.OnCrash(kStart, kStart), std::nullopt);
  EXPECT_EQ(policy.Crashes(kStart), 2u);
  policy.Reset();
  EXPECT_EQ(policy.Crashes(kStart), 0u);
  EXPECT_EQ(policy.OnCrash(kStart, kStart), absl::ZeroDuration());
}

TEST(RestartPolicyTest, DrawsEqualDelaysOfEqualSeeds) {
  RestartPolicy a(0, 7), b(0, 7), c(0, 8);
  std::vector<std::optional<absl::Duration>> of_a, of_b, of_c;
  for (int i = 0; i < 5; ++i) {
    of_a.push_back(a.OnCrash(kStart, kStart));
    of_b.push_back(b.OnCrash(kStart, kStart));
    of_c.push_back(c.OnCrash(kStart, kStart));
  }
  EXPECT_EQ(of_a, of_b);
  EXPECT_NE(of_a, of_c);
}

TEST(RestartPolicyTest, KnowsTheThirdDeathOfLikeMessagesWithinAnHour) {
  const absl::Time begin = absl::UnixEpoch();
  RestartPolicy policy(5, 1);
  EXPECT_FALSE(policy.IsSameMessageAgain("a", begin));
  EXPECT_FALSE(policy.IsSameMessageAgain("b", begin));
  EXPECT_FALSE(policy.IsSameMessageAgain("a", begin + absl::Minutes(30)));
  EXPECT_FALSE(policy.IsSameMessageAgain("a", begin + absl::Minutes(61)))
      << "the first is long ago";
  EXPECT_TRUE(policy.IsSameMessageAgain("a", begin + absl::Minutes(62)));
  policy.Reset();
  EXPECT_FALSE(policy.IsSameMessageAgain("a", begin + absl::Minutes(63)));
  RestartPolicy patient(0, 1);
  for (int i = 0; i < 10; ++i) {
    EXPECT_FALSE(patient.IsSameMessageAgain("a", begin));
  }
}

}  // namespace
}  // namespace weir
