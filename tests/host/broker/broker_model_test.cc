// Random histories against the list of what happened.
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/broker/broker.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_event_codec.h"
#include "tests/host/broker/drop_oldest_log.h"
#include "tests/host/broker/model_driver.h"

namespace weir {
namespace {

constexpr int kOperations = 60;

// Rings and chunks so small that histories reach their edges.
ModelledBroker MakeBroker(const std::string& epoch, const FakeClock& clock) {
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
          [b] { b->Tick(); }};
}

ModelledBroker MakeDropOldest(const std::string& epoch,
                              const FakeClock& clock) {
  auto log = std::make_unique<DropOldestLog>(epoch, clock);
  DropOldestLog* const l = log.get();
  return {std::move(log), [l](const Event& event) { l->Publish(event); },
          [] {}};
}

TEST(BrokerModelTest, ShowsEachClientTheLogOnceInOrderOrAGap) {
  uint64_t events = 0;
  uint64_t gaps = 0;
  for (uint64_t seed = 1; seed <= 2000; ++seed) {
    ModelDriver driver(seed, MakeBroker);
    ASSERT_EQ(driver.Play(kOperations), "") << "seed " << seed;
    events += driver.events_seen();
    gaps += driver.gaps_seen();
  }
  std::printf("%llu events and %llu gaps seen\n",
              static_cast<unsigned long long>(events),
              static_cast<unsigned long long>(gaps));
  // Histories in which nothing happens would prove nothing.
  EXPECT_GT(events, 1'000'000);
  EXPECT_GT(gaps, 2500);
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

}  // namespace
}  // namespace weir
