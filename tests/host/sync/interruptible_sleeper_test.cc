#include "host/sync/interruptible_sleeper.h"

#include <thread>

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace weir {
namespace {

TEST(InterruptibleSleeperTest, SaysThatItSleptForAllOfTheTime) {
  InterruptibleSleeper sleeper;
  EXPECT_TRUE(sleeper.SleepFor(absl::Milliseconds(1)));
  EXPECT_TRUE(sleeper.SleepFor(absl::ZeroDuration()));
}

TEST(InterruptibleSleeperTest, WakesFromASleepThatWouldNeverEnd) {
  InterruptibleSleeper sleeper;
  std::thread thread(
      [&] { EXPECT_FALSE(sleeper.SleepFor(absl::InfiniteDuration())); });
  sleeper.Wake();
  thread.join();
}

TEST(InterruptibleSleeperTest, SleepsNoMoreOnceItWasWoken) {
  InterruptibleSleeper sleeper;
  sleeper.Wake();
  EXPECT_FALSE(sleeper.SleepFor(absl::InfiniteDuration()));
  EXPECT_FALSE(sleeper.SleepFor(absl::InfiniteDuration()));
}

}  // namespace
}  // namespace weir
