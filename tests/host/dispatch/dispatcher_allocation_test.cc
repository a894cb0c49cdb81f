#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "host/dispatch/dispatcher.h"
#include "host/pipeline/handler.h"
#include "host/pipeline/handler_registry.h"
#include "host/pipeline/message.h"
#include "host/sync/system_clock.h"
#include "tests/support/counting_allocator.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_messages.h"

namespace weir {
namespace {

// Handles a message by counting it.
class CountingHandler final : public Handler {
 public:
  absl::Status Create() override { return absl::OkStatus(); }
  int64_t QueueCapacity() override { return 4096; }
  bool WantsMessage(absl::string_view type) override { return type != "RAW"; }
  RunOutcome HandleMessages(absl::Span<const Message* const> messages,
                            std::atomic<uint32_t>& done,
                            std::atomic<uint32_t>&) override {
    for (uint32_t i = 1; i <= messages.size(); ++i) {
      done.store(i, std::memory_order_release);
    }
    return {};
  }
  void Destroy() override {}
};

// How many allocations `batches` batches of `messages` cost.
uint64_t AllocationsFor(size_t batches, size_t messages) {
  TestTables tables;
  TestWriter writer(tables);
  const SystemClock clock;
  Dispatcher dispatcher(tables.types, tables.sources, tables.pool, clock);
  for (const char* name : {"a", "b", "c"}) {
    EXPECT_THAT(
        dispatcher.AddHandler({.name = name, .policy = QueuePolicy::kBlock},
                              std::make_unique<CountingHandler>()),
        IsOk());
  }
  const auto dispatch = [&](size_t n) {
    for (size_t i = 0; i < n; ++i) {
      dispatcher.Dispatch(writer.Updates(messages));
      EXPECT_TRUE(dispatcher.Drain(absl::InfiniteDuration()));
    }
  };
  // Fill the queues' rings once, and give the pool the slabs that it will keep.
  for (int i = 0; i < 100; ++i) dispatcher.Dispatch(writer.Updates(256));
  dispatch(10);
  const uint64_t before = AllocationCount();
  dispatch(batches);
  return AllocationCount() - before;
}

TEST(DispatcherAllocationTest, AllocatesForEachBatchAndNothingForAMessage) {
  const uint64_t small = AllocationsFor(/*batches=*/200, /*messages=*/16);
  const uint64_t large = AllocationsFor(/*batches=*/200, /*messages=*/250);
  EXPECT_LE(small, 200 * 4u);
  // A larger batch may begin in one slab and end in another, and once in a
  // while that makes the list of its slabs grow.
  EXPECT_LE(large, 200 * 4u) << "46,800 messages more";
}

}  // namespace
}  // namespace weir
