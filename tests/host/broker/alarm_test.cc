#include "host/broker/alarm.h"

#include <atomic>
#include <thread>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/sync/system_clock.h"
#include "tests/fakes/fake_clock.h"

namespace weir {
namespace {

class AlarmTest : public testing::Test {
 protected:
  AlarmTest() { clock_.Advance(absl::Seconds(1)); }

  FakeClock clock_;
  Alarm alarm_;
};

TEST_F(AlarmTest, RingsAtTheEarliestTimeThatWasSet) {
  alarm_.SetFor(500);
  alarm_.SetFor(300);
  alarm_.SetFor(400);
  EXPECT_EQ(alarm_.at_ns(), 300);
  EXPECT_TRUE(alarm_.Wait(clock_));
  EXPECT_EQ(alarm_.at_ns(), Alarm::kNever) << "it is forgotten then";
}

TEST_F(AlarmTest, NewsRingOnceIfTheyAreAwaited) {
  alarm_.News();
  EXPECT_EQ(alarm_.at_ns(), Alarm::kNever) << "nobody asked";
  alarm_.AwaitNews();
  EXPECT_EQ(alarm_.at_ns(), Alarm::kNever);
  alarm_.News();
  EXPECT_EQ(alarm_.at_ns(), 0);
  EXPECT_TRUE(alarm_.Wait(clock_));
  alarm_.News();
  EXPECT_EQ(alarm_.at_ns(), Alarm::kNever) << "that was one ring";
}

TEST_F(AlarmTest, RingsForTheBackstopThoughNothingWasSet) {
  std::atomic<bool> rang{false};
  std::thread waiter([&] { rang = alarm_.Wait(clock_); });
  const absl::Time deadline = absl::Now() + absl::Seconds(60);
  while (!rang && absl::Now() < deadline) {
    clock_.Advance(absl::Nanoseconds(Alarm::kBackstopNs));
    std::this_thread::yield();
  }
  EXPECT_TRUE(rang);
  alarm_.Stop();
  waiter.join();
}

TEST_F(AlarmTest, StopEndsTheWait) {
  const SystemClock real;
  std::thread waiter([&] {
    while (alarm_.Wait(real)) {
    }
  });
  alarm_.Stop();
  waiter.join();
  EXPECT_FALSE(alarm_.Wait(real));
}

}  // namespace
}  // namespace weir
