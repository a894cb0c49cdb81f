// The books of every handler balance at every moment, whatever happens: sources
// dispatch on threads of their own while handlers come, err, throw, go slowly
// and go.
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "host/dispatch/books_source.h"
#include "host/dispatch/dispatcher.h"
#include "host/pipeline/books.h"
#include "host/pipeline/handler_registry.h"
#include "host/pipeline/message_batch.h"
#include "host/pipeline/receipt.h"
#include "host/sync/system_clock.h"
#include "tests/fakes/fake_handler.h"
#include "tests/support/test_messages.h"

namespace weir {
namespace {

constexpr int kSources = 3;
constexpr int kBatches = 300;

class DispatcherBooksTest : public testing::TestWithParam<uint64_t> {
 protected:
  // Dispatches batches of random sizes and types, and counts their receipts.
  void RunSource(int source) {
    std::mt19937_64 random(GetParam() * 100 + source);
    TestWriter writer(tables_, absl::StrCat("source-", source));
    for (int i = 0; i < kBatches; ++i) {
      std::vector<absl::string_view> types;
      for (uint64_t n = 1 + random() % 90; n > 0; --n) {
        static constexpr absl::string_view kTypes[] = {
            "UPDATE", "UPDATE", "UPDATE", "STATE", "OPEN", "RAW", "a", "b"};
        types.push_back(kTypes[random() % std::size(kTypes)]);
      }
      dispatcher_.Dispatch(
          writer.Batch(types, Receipt([this](Outcome) { ++receipts_; })));
    }
    ++finished_;
  }

  // Adds a handler of random habits.
  void AddRandom(const std::string& name, std::mt19937_64& random) {
    FakeHandlerScript script;
    static constexpr int64_t kCapacities[] = {1, 2, 10, 100, 1000, 3000};
    script.capacity = kCapacities[random() % std::size(kCapacities)];
    if (random() % 2 == 0) script.wants = {"UPDATE", "a"};
    for (uint64_t seq = 1; seq < 20'000; ++seq) {
      if (random() % 50 == 0) script.errors_at.insert(seq);
      if (random() % 200 == 0) script.throws_at.insert(seq);
    }
    const uint64_t dies_at = random() % 1000;
    // One that stays, so that there is somebody to drain.
    if (dies_at < 250 && name != "steady") script.dies_at = 1 + dies_at;
    HandlerOptions options;
    options.name = name;
    options.policy = static_cast<QueuePolicy>(random() % 4);
    options.seed = random();
    if (random() % 3 == 0) options.sources = {"source-0", "source-2"};
    ASSERT_TRUE(dispatcher_
                    .AddHandler(std::move(options),
                                std::make_unique<FakeHandler>(
                                    std::make_shared<FakeHandlerRecord>(),
                                    std::move(script)))
                    .ok());
  }

  // Checks both lines of every slot, and that nothing that only grows shrank.
  void Look() {
    const uint64_t dropped = dispatcher_.total_dropped();
    EXPECT_GE(dropped, last_dropped_);
    last_dropped_ = dropped;
    for (const SlotBooks& slot : dispatcher_.CollectBooks()) {
      const Books& now = slot.books;
      EXPECT_TRUE(now.Balance()) << slot.name;
      const Books before = std::exchange(last_[slot.id], now);
      for (uint64_t Books::*counter :
           {&Books::offered, &Books::not_wanted, &Books::enqueued,
            &Books::dropped_policy, &Books::dropped_full,
            &Books::dropped_not_running, &Books::processed_ok,
            &Books::processed_error, &Books::lost_in_crash,
            &Books::discarded_on_unload}) {
        EXPECT_GE(now.*counter, before.*counter) << slot.name;
      }
      EXPECT_LE(now.in_flight, 1u);
      if (slot.final) {
        EXPECT_EQ(now.queued + now.in_flight, 0u) << slot.name;
      }
    }
  }

  TestTables tables_;
  SystemClock clock_;
  std::atomic<int> receipts_{0};
  std::atomic<int> finished_{0};
  uint64_t last_dropped_ = 0;
  std::map<uint64_t, Books> last_;
  Dispatcher dispatcher_{tables_.types, tables_.sources, tables_.pool, clock_};
};

TEST_P(DispatcherBooksTest, BalanceWhileHandlersComeAndGoAndSourcesDispatch) {
  std::mt19937_64 random(GetParam());
  AddRandom("steady", random);
  std::vector<std::thread> sources;
  for (int i = 0; i < kSources; ++i) {
    sources.emplace_back([this, i] { RunSource(i); });
  }
  for (int i = 0; finished_ < kSources; ++i) {
    const std::string name = absl::StrCat("guest-", i % 3);
    AddRandom(name, random);
    for (uint64_t looks = random() % 20; looks > 0; --looks) Look();
    const absl::Duration drain =
        random() % 2 == 0 ? absl::ZeroDuration() : absl::InfiniteDuration();
    EXPECT_TRUE(dispatcher_.RemoveHandler(name, drain).ok());
    Look();
  }
  for (std::thread& source : sources) source.join();
  ASSERT_TRUE(dispatcher_.Drain(absl::InfiniteDuration()));
  Look();
  EXPECT_TRUE(
      dispatcher_.RemoveHandler("steady", absl::InfiniteDuration()).ok());
  Look();
  EXPECT_EQ(receipts_, kSources * kBatches);
}

INSTANTIATE_TEST_SUITE_P(Seeds, DispatcherBooksTest,
                         testing::Values(1, 2, 3, 4, 5, 6));

}  // namespace
}  // namespace weir
