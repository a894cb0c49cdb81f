// Random histories against the list of what happened.
//
// CI plays the same ones each time; tools/soak plays others (PlayHistories).
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/fake_event_codec.h"
#include "tests/fakes/stepping_clock.h"
#include "tests/host/broker/drop_oldest_log.h"
#include "tests/host/broker/model_driver.h"
#include "tests/host/broker/modelled_journal.h"
#include "tests/host/broker/modelled_memory.h"
#include "tests/host/broker/play_histories.h"

namespace weir {
namespace {

ModelledBroker MakeBroker(const std::string& epoch,
                          const SteppingClock& clock) {
  static const FakeEventCodec codec;
  return ModelledMemory(epoch, codec, clock);
}

ModelledBroker MakeDropOldest(const std::string& epoch,
                              const SteppingClock& clock) {
  auto log = std::make_unique<DropOldestLog>(epoch, clock);
  DropOldestLog* const l = log.get();
  ModelledBroker made;
  made.log = std::move(log);
  made.publish = [l](const Event& event) { l->Publish(event); };
  made.tick = [] {};
  made.tells_time = false;
  return made;
}

TEST(BrokerModelTest, ShowsEachClientTheLogOnceInOrderOrAGap) {
  const PlayedSums sums =
      PlayHistories(2000, [](uint64_t /*seed*/) { return MakeBroker; });
  if (sums.histories < 100) return;
  // Histories in which nothing happens would prove nothing.
  EXPECT_GT(sums.events, 500 * sums.histories);
  EXPECT_GT(sums.gaps, sums.histories);
}

TEST(BrokerModelTest, KeepsThatPromiseThroughRestarts) {
  const PlayedSums sums = PlayHistories(150, [](uint64_t seed) {
    return [seed](const std::string& epoch, const SteppingClock& clock) {
      static const FakeEventCodec codec;
      return ModelledJournal::Live(
          std::make_shared<ModelledJournal>(seed, epoch, codec, clock));
    };
  });
  if (sums.histories < 100) return;
  EXPECT_GT(sums.events, 300 * sums.histories);
  EXPECT_GT(sums.gaps, sums.histories);
  EXPECT_GT(sums.lost, 5 * sums.histories) << "no machine forgot anything";
}

TEST(BrokerModelTest, FindsOutABrokerThatDropsTheOldestInSilence) {
  int found = 0;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    ModelDriver driver(seed, MakeDropOldest);
    const std::string wrong = driver.Play(kHistoryOperations);
    if (wrong.empty()) continue;
    if (++found == 1) std::printf("seed %d: %s\n", int(seed), wrong.c_str());
    EXPECT_THAT(wrong, testing::HasSubstr("instead of"))
        << "found out for what it drops";
  }
  std::printf("%d of 300 histories in violation\n", found);
  EXPECT_GT(found, 200);
}

TEST(BrokerModelTest, LeavesOutWhatAHistoryGoesWrongWithout) {
  // The first that is found out, as above.
  uint64_t seed = 1;
  while (ModelDriver(seed, MakeDropOldest).Play(kHistoryOperations).empty()) {
    ++seed;
  }
  const std::string shrunk = Shrink(seed, MakeDropOldest, kHistoryOperations);
  std::printf("seed %d: %s\n", int(seed), shrunk.c_str());
  EXPECT_THAT(shrunk, testing::HasSubstr("instead of"));
  // What is wrong, and where everybody began; then somebody published too much
  // for somebody who did not read.
  const std::vector<std::string> lines = absl::StrSplit(shrunk, '\n');
  EXPECT_LE(lines.size(), 2 + 4);
  EXPECT_EQ(Shrink(1, MakeBroker, kHistoryOperations), "")
      << "nothing is wrong";
}

}  // namespace
}  // namespace weir
