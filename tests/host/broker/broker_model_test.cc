// Random histories against the list of what happened.
//
// CI plays the same ones each time. WEIR_MODEL_SEED sets the first seed, 1 if
// unset, and WEIR_MODEL_SEEDS how many there are of each kind: tools/soak plays
// others, and one that went wrong is played again. Of such a history all is
// left out that is not needed, and what is left is printed.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/broker/broker.h"
#include "tests/fakes/fake_event_codec.h"
#include "tests/fakes/stepping_clock.h"
#include "tests/host/broker/drop_oldest_log.h"
#include "tests/host/broker/model_driver.h"
#include "tests/host/broker/modelled_journal.h"

namespace weir {
namespace {

constexpr int kOperations = 60;

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* const text = std::getenv(name);
  uint64_t number = otherwise;
  if (text != nullptr && !absl::SimpleAtoi(text, &number)) std::abort();
  return number;
}

struct Sums {
  uint64_t histories = 0, events = 0, gaps = 0, lost = 0;
};

// Plays the seeds [first, first + n): `n` of them, or as many as were asked
// for. `make` returns what makes the broker of a seed. The test fails at the
// first history that goes wrong.
template <typename MakeOf>
Sums PlayAll(uint64_t n, MakeOf make) {
  Sums sums;
  const std::string test =
      testing::UnitTest::GetInstance()->current_test_info()->name();
  const uint64_t first = FromEnvironment("WEIR_MODEL_SEED", 1);
  const uint64_t end = first + FromEnvironment("WEIR_MODEL_SEEDS", n);
  for (uint64_t seed = first; seed < end; ++seed) {
    ModelDriver driver(seed, make(seed));
    const std::string wrong = driver.Play(kOperations);
    if (!wrong.empty()) {
      ADD_FAILURE() << "seed " << seed << ": " << wrong
                    << "\na shorter history that goes wrong:\n"
                    << Shrink(seed, make(seed), kOperations)
                    << "\nto play it again:\n  bazel test "
                       "//tests/host/broker:broker_model_test --test_filter=*"
                    << test << " --test_env=WEIR_MODEL_SEED=" << seed
                    << " --test_env=WEIR_MODEL_SEEDS=1";
      break;
    }
    ++sums.histories;
    sums.events += driver.events_seen();
    sums.gaps += driver.gaps_seen();
    sums.lost += driver.events_lost();
  }
  std::printf("%llu histories: %llu events and %llu gaps seen, %llu lost\n",
              static_cast<unsigned long long>(sums.histories),
              static_cast<unsigned long long>(sums.events),
              static_cast<unsigned long long>(sums.gaps),
              static_cast<unsigned long long>(sums.lost));
  return sums;
}

// Rings and chunks so small that histories reach their edges.
ModelledBroker MakeBroker(const std::string& epoch,
                          const SteppingClock& clock) {
  static const FakeEventCodec codec;
  BrokerOptions options;
  options.log.chunk_events = 1 + epoch.back() % 13;
  options.log.chunk_bytes = 600;
  options.log.ring_events = 600;
  options.log.ring_age = absl::Minutes(4);
  auto broker = std::make_unique<Broker>(options, epoch, codec, clock);
  Broker* const b = broker.get();
  return {std::move(broker),
          [b](Event event) { EXPECT_TRUE(b->Publish(std::move(event)).ok()); },
          [b] { b->Tick(); },
          {.ring_events = options.log.ring_events,
           .ring_age = options.log.ring_age,
           .unit = options.log.chunk_events}};
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
  const Sums sums = PlayAll(2000, [](uint64_t /*seed*/) { return MakeBroker; });
  if (sums.histories < 100) return;
  // Histories in which nothing happens would prove nothing.
  EXPECT_GT(sums.events, 500 * sums.histories);
  EXPECT_GT(sums.gaps, sums.histories);
}

TEST(BrokerModelTest, KeepsThatPromiseThroughRestarts) {
  const Sums sums = PlayAll(150, [](uint64_t seed) {
    return [seed](const std::string& epoch, const SteppingClock& clock) {
      return ModelledJournal::Live(
          std::make_shared<ModelledJournal>(seed, epoch, clock));
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
    const std::string wrong = driver.Play(kOperations);
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
  while (ModelDriver(seed, MakeDropOldest).Play(kOperations).empty()) ++seed;
  const std::string shrunk = Shrink(seed, MakeDropOldest, kOperations);
  std::printf("seed %d: %s\n", int(seed), shrunk.c_str());
  EXPECT_THAT(shrunk, testing::HasSubstr("instead of"));
  // What is wrong, and where everybody began; then somebody published too much
  // for somebody who did not read.
  const std::vector<std::string> lines = absl::StrSplit(shrunk, '\n');
  EXPECT_LE(lines.size(), 2 + 4);
  EXPECT_EQ(Shrink(1, MakeBroker, kOperations), "") << "nothing is wrong";
}

}  // namespace
}  // namespace weir
