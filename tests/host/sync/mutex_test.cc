#include "host/sync/mutex.h"

#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace weir {
namespace {

// A number that several threads count up.
struct Counter {
  Mutex mu;
  CondVar changed;
  int value ABSL_GUARDED_BY(mu) = 0;
};

TEST(MutexTest, LetsOneThreadInAtATime) {
  Counter counter;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 10'000; ++n) {
        MutexLock lock(&counter.mu);
        ++counter.value;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  MutexLock lock(&counter.mu);
  EXPECT_EQ(counter.value, 40'000);
}

TEST(CondVarTest, WakesWhoWaitsAndGivesTheLockBack) {
  Counter counter;
  std::thread thread([&] {
    MutexLock lock(&counter.mu);
    while (counter.value != 1) counter.changed.Wait(&counter.mu);
    counter.value = 2;
    counter.changed.NotifyAll();
  });
  {
    MutexLock lock(&counter.mu);
    counter.value = 1;
    counter.changed.NotifyAll();
    while (counter.value != 2) {
      counter.changed.WaitFor(&counter.mu, absl::InfiniteDuration());
    }
  }
  thread.join();
}

TEST(CondVarTest, SaysThatTheTimePassed) {
  Counter counter;
  MutexLock lock(&counter.mu);
  // A wake-up may be spurious, but not for ever.
  while (counter.changed.WaitFor(&counter.mu, absl::Milliseconds(1))) {
  }
}

}  // namespace
}  // namespace weir
