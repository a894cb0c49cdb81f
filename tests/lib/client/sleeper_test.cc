#include "lib/client/sleeper.h"

#include <thread>

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace weir {
namespace {

TEST(SystemSleeperTest, SleepsOnUntilTheTimeHasPassed) {
  client::SystemSleeper sleeper;
  EXPECT_TRUE(sleeper.SleepFor(absl::Milliseconds(1)));
}

TEST(SystemSleeperTest, WakesFromAnotherThread) {
  client::SystemSleeper sleeper;
  std::thread waker([&] { sleeper.Wake(); });
  EXPECT_FALSE(sleeper.SleepFor(absl::InfiniteDuration()));
  waker.join();
}

TEST(SystemSleeperTest, NeverSleepsAgainOnceWoken) {
  client::SystemSleeper sleeper;
  sleeper.Wake();
  EXPECT_FALSE(sleeper.SleepFor(absl::InfiniteDuration()));
}

}  // namespace
}  // namespace weir
