#include "host/plugin/call_watch.h"

#include <atomic>
#include <cstdint>
#include <thread>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "tests/fakes/fake_clock.h"

namespace weir {
namespace {

class CallWatchTest : public testing::Test {
 protected:
  FakeClock clock_;
  std::atomic<uint32_t> stop_{0};
  CallWatch watch_{CallLimits(), stop_, clock_};
};

TEST_F(CallWatchTest, CountsDownDuringACallOnly) {
  EXPECT_EQ(watch_.TimeLeftNs(), INT64_MAX);
  watch_.Begin(10, 100);
  clock_.Advance(absl::Nanoseconds(130));
  EXPECT_EQ(watch_.TimeLeftNs(), -30);
  watch_.End();
  EXPECT_EQ(watch_.TimeLeftNs(), INT64_MAX);
}

TEST_F(CallWatchTest, WantsACallBackThatTakesLong) {
  EXPECT_FALSE(watch_.ShouldStop());
  watch_.Begin(10, 100);
  EXPECT_FALSE(watch_.ShouldStop());
  clock_.Advance(absl::Nanoseconds(10));
  EXPECT_TRUE(watch_.ShouldStop());
  watch_.Begin(10, 100);
  EXPECT_FALSE(watch_.ShouldStop()) << "it is the next call";
}

TEST_F(CallWatchTest, WantsACallBackThatSomebodyWaitsFor) {
  watch_.Begin(10, 100);
  stop_ = 1;
  EXPECT_TRUE(watch_.ShouldStop());
}

TEST_F(CallWatchTest, KnowsTheWorkersThread) {
  EXPECT_FALSE(watch_.IsWorker());
  watch_.BindThread();
  EXPECT_TRUE(watch_.IsWorker());
  bool is_worker = true;
  std::thread([&] { is_worker = watch_.IsWorker(); }).join();
  EXPECT_FALSE(is_worker);
}

}  // namespace
}  // namespace weir
