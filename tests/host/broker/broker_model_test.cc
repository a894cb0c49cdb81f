// Random histories against the list of what happened.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/broker/broker.h"
#include "host/broker/journaled_log.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_event_codec.h"
#include "tests/host/broker/drop_oldest_log.h"
#include "tests/host/broker/model_driver.h"
#include "tests/support/short_temp_dir.h"
#include "tests/support/status_matchers.h"

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

// A broker over a journal in a directory of its own, which it takes along
// through its lives. Rings so small that much is read from the disk.
class JournaledBroker {
 public:
  JournaledBroker(uint64_t seed, const std::string& epoch,
                  const FakeClock& clock)
      : clock_(clock) {
    options_.journal.path = dir_.path() + "/journal.db";
    options_.journal.new_epoch = epoch;
    options_.journal.boot_id = "0";
    options_.ring.chunk_events = 1 + seed % 13;
    options_.ring.chunk_bytes = 600;
    options_.ring.ring_events = 100;
    options_.retention = {};
    options_.retention.events = seed % 2 == 0 ? 900 : 0;
    options_.replay.threads = 0;
    options_.replay.quantum_bytes = 3000;
  }

  static ModelledBroker Live(const std::shared_ptr<JournaledBroker>& self) {
    auto log = JournaledLog::Open(self->options_, Codec(), self->clock_);
    EXPECT_THAT(log, IsOk());
    JournaledLog* const l = log->get();
    auto broker = std::make_unique<Broker>(BrokerOptions(), *std::move(log),
                                           Codec(), self->clock_);
    Broker* const b = broker.get();
    ModelledBroker made;
    made.log = std::move(broker);
    made.publish = [b](Event event) {
      EXPECT_TRUE(b->Publish(std::move(event)).ok());
    };
    made.tick = [b] { b->Tick(); };
    made.commit = [l] {
      // A step has a bound; a burst takes several.
      uint64_t before = 0;
      do {
        before = l->durable();
        l->Step();
      } while (l->durable() != before);
    };
    made.read = [l] { return l->ReadOne(); };
    made.reincarnate = [self, b](Ending ending) {
      if (ending == Ending::kClean) {
        b->Close();
      }
      self->CopyFiles();  // What is on the disk at a kill.
      if (ending == Ending::kMachineDown) {
        self->options_.journal.boot_id = std::to_string(self->lives_);
      }
      return Live(self);
    };
    return made;
  }

 private:
  static const FakeEventCodec& Codec() {
    static const FakeEventCodec codec;
    return codec;
  }

  void CopyFiles() {
    const std::string image = dir_.path() + "/" + std::to_string(++lives_);
    std::filesystem::create_directory(image);
    for (const char* const suffix : {"", "-wal", "-intact"}) {
      const std::string name = options_.journal.path + suffix;
      if (!std::filesystem::exists(name)) continue;
      std::filesystem::copy_file(name, image + "/journal.db" + suffix);
    }
    options_.journal.path = image + "/journal.db";
  }

  const ShortTempDir dir_;
  const FakeClock& clock_;
  JournaledLogOptions options_;
  int lives_ = 0;
};

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

TEST(BrokerModelTest, KeepsThatPromiseThroughRestarts) {
  uint64_t events = 0;
  uint64_t gaps = 0;
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    ModelDriver driver(
        seed, [seed](const std::string& epoch, const FakeClock& clock) {
          return JournaledBroker::Live(
              std::make_shared<JournaledBroker>(seed, epoch, clock));
        });
    ASSERT_EQ(driver.Play(kOperations), "") << "seed " << seed;
    events += driver.events_seen();
    gaps += driver.gaps_seen();
  }
  std::printf("%llu events and %llu gaps seen\n",
              static_cast<unsigned long long>(events),
              static_cast<unsigned long long>(gaps));
  EXPECT_GT(events, 30'000);
  EXPECT_GT(gaps, 100);
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
