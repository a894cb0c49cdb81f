// What was wrong with the dispatch of the program that weir grew from, and must
// not come back. One test each, named for the defect.
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/dispatch/auditor.h"
#include "host/dispatch/dispatcher.h"
#include "host/pipeline/books.h"
#include "host/pipeline/event.h"
#include "host/pipeline/handler_registry.h"
#include "host/pipeline/message_batch.h"
#include "host/pipeline/name_table.h"
#include "host/sync/system_clock.h"
#include "tests/fakes/fake_event_sink.h"
#include "tests/fakes/fake_handler.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_messages.h"

namespace weir {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class DispatchRegressionTest : public testing::Test {
 protected:
  std::shared_ptr<FakeHandlerRecord> Add(HandlerOptions options,
                                         FakeHandlerScript script = {}) {
    auto record = std::make_shared<FakeHandlerRecord>();
    EXPECT_THAT(dispatcher_.AddHandler(
                    std::move(options),
                    std::make_unique<FakeHandler>(record, std::move(script))),
                IsOk());
    return record;
  }

  TestTables tables_;
  TestWriter writer_{tables_};
  SystemClock clock_;
  Dispatcher dispatcher_{tables_.types, tables_.sources, tables_.pool, clock_};
};

TEST_F(DispatchRegressionTest, CapacityZeroIsRefusedInsteadOfDividedBy) {
  EXPECT_THAT(dispatcher_.AddHandler({.name = "h"},
                                     std::make_unique<FakeHandler>(
                                         std::make_shared<FakeHandlerRecord>(),
                                         FakeHandlerScript{.capacity = 0})),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("queue capacity 0")));
}

TEST_F(DispatchRegressionTest, NegativeCapacityIsRefusedInsteadOfFatal) {
  EXPECT_THAT(dispatcher_.AddHandler({.name = "h"},
                                     std::make_unique<FakeHandler>(
                                         std::make_shared<FakeHandlerRecord>(),
                                         FakeHandlerScript{.capacity = -5})),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("queue capacity -5")));
}

TEST_F(DispatchRegressionTest, HugeCapacityCostsNoMemoryUntilItIsUsed) {
  Add({.name = "h"}, {.capacity = INT64_MAX});
  EXPECT_EQ(dispatcher_.Stats("h")->capacity, 1'048'576u);
}

TEST_F(DispatchRegressionTest, StopRacesWithDispatchAndNothingBreaks) {
  for (int round = 0; round < 50; ++round) {
    Dispatcher dispatcher(tables_.types, tables_.sources, tables_.pool, clock_);
    ASSERT_THAT(
        dispatcher.AddHandler(
            {.name = "h", .policy = QueuePolicy::kBlock},
            std::make_unique<FakeHandler>(std::make_shared<FakeHandlerRecord>(),
                                          FakeHandlerScript{.capacity = 10})),
        IsOk());
    std::thread source([&] {
      TestWriter writer(tables_);
      for (int i = 0; i < 20; ++i) dispatcher.Dispatch(writer.Updates(7));
    });
    dispatcher.Close();
    source.join();
    ASSERT_TRUE(dispatcher.Drain(absl::InfiniteDuration()));
    const Books books = dispatcher.Stats("h")->books;
    EXPECT_EQ(books.offered, 140u);
    EXPECT_EQ(books.processed_ok + books.dropped_not_running, 140u);
  }
}

TEST_F(DispatchRegressionTest, StopTwiceIsStopOnce) {
  const auto record = Add({.name = "h"});
  dispatcher_.Dispatch(writer_.Updates(3));
  dispatcher_.Close();
  dispatcher_.Close();
  EXPECT_THAT(dispatcher_.RemoveHandler("h", absl::InfiniteDuration()), IsOk());
  EXPECT_THAT(dispatcher_.RemoveHandler("h", absl::InfiniteDuration()),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("h")));
  dispatcher_.Close();
  EXPECT_THAT(record->seqs(), SizeIs(3));
}

TEST_F(DispatchRegressionTest, AHandlerRemovedAndAddedAgainGetsMessages) {
  Add({.name = "h"});
  EXPECT_THAT(dispatcher_.RemoveHandler("h", absl::ZeroDuration()), IsOk());
  const auto again = Add({.name = "h"});
  dispatcher_.Dispatch(writer_.Updates(3));
  again->WaitForHandled(3);
}

// ThreadSanitizer is what makes this one fail.
TEST_F(DispatchRegressionTest, CountersAreReadWhileTheyAreWritten) {
  const auto record = Add({.name = "h"}, {.capacity = 50});
  std::thread source([&] {
    for (int i = 0; i < 300; ++i) dispatcher_.Dispatch(writer_.Updates(20));
  });
  while (dispatcher_.Stats("h")->books.offered < 6000) {
    EXPECT_TRUE(dispatcher_.Stats("h")->books.Balance());
    dispatcher_.total_dropped();
  }
  source.join();
}

TEST_F(DispatchRegressionTest, HandlersSeeStateOpenAndNotification) {
  const auto record = Add({.name = "h"});
  dispatcher_.Dispatch(writer_.Batch({"STATE", "OPEN", "NOTIFICATION"}));
  record->WaitForHandled(3);
  EXPECT_THAT(record->types(),
              ElementsAre(kTypeState, kTypeOpen, kTypeNotification));
}

TEST_F(DispatchRegressionTest, DropsAreToldAsEvents) {
  const auto record = Add({.name = "h"}, {.capacity = 1});
  record->message_gate.Shut();
  dispatcher_.Dispatch(writer_.Updates(5));
  FakeEventSink events;
  Auditor(dispatcher_, events, clock_).Check();
  EXPECT_THAT(events.events(),
              ElementsAre(Field(&Event::type, "weir.plugin.loss")));
  record->message_gate.Open();
}

TEST_F(DispatchRegressionTest, AnUnknownTypeKillsNobody) {
  const auto record = Add({.name = "h"}, {.wants = {"UPDATE", "GALAXY"}});
  dispatcher_.Dispatch(writer_.Batch({"", "GALAXY", std::string(1000, 'x')}));
  dispatcher_.Dispatch(writer_.Updates(1));
  record->WaitForHandled(2);
  EXPECT_THAT(record->seqs(), ElementsAre(2, 4));
}

TEST_F(DispatchRegressionTest, MoreTypesThanThereAreNamesForAreOther) {
  const auto record =
      Add({.name = "h", .policy = QueuePolicy::kBlock}, {.wants = {"OTHER"}});
  for (int i = 0; i < 2000; ++i) {
    dispatcher_.Dispatch(writer_.Batch({"T" + std::to_string(i)}));
  }
  ASSERT_TRUE(dispatcher_.Drain(absl::InfiniteDuration()));
  const uint64_t other = 2000 - (NameTable::kMaxNames - kWellKnownTypes);
  EXPECT_THAT(record->seqs(), SizeIs(other));
  EXPECT_EQ(dispatcher_.Stats("h")->books.not_wanted, 2000 - other);
}

TEST_F(DispatchRegressionTest, AThrowInAHandlerKillsNobody) {
  const auto record = Add({.name = "h"}, {.throws_at = {1, 2, 3}});
  dispatcher_.Dispatch(writer_.Updates(4));
  record->WaitForHandled(4);
}

}  // namespace
}  // namespace weir
