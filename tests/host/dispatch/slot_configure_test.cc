// What of a slot can be another while messages flow.
#include <memory>
#include <string>
#include <thread>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/dispatch/dispatcher.h"
#include "host/pipeline/handler_registry.h"
#include "host/pipeline/handler_slot.h"
#include "host/sync/system_clock.h"
#include "tests/fakes/fake_handler.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_messages.h"

namespace weir {
namespace {

using testing::ElementsAre;

class SlotConfigureTest : public testing::Test {
 protected:
  // A slot whose handler stands before its gate, with one message in hand.
  void Make(HandlerOptions options, int64_t capacity = 1024) {
    options.name = std::string("h");
    options_ = options;
    slot_ = *dispatcher_.AddSlot(options);
    slot_->SetIntake(HandlerSlot::Intake::kQueue);
    FakeHandlerScript script;
    script.capacity = capacity;
    const auto prepared =
        slot_->Prepare(std::make_shared<FakeHandler>(record_, script), nullptr);
    ASSERT_THAT(prepared, IsOk());
    record_->message_gate.Shut();
    ASSERT_THAT(slot_->Switch(prepared->instance, absl::InfiniteDuration()),
                IsOk());
    dispatcher_.Dispatch(writer_.Updates(1));
    record_->message_gate.WaitForSomebody();
  }

  TestTables tables_;
  TestWriter writer_{tables_};
  SystemClock clock_;
  Dispatcher dispatcher_{tables_.types, tables_.sources, tables_.pool, clock_};
  const std::shared_ptr<FakeHandlerRecord> record_ =
      std::make_shared<FakeHandlerRecord>();
  HandlerOptions options_;
  std::shared_ptr<HandlerSlot> slot_;
};

TEST_F(SlotConfigureTest, TakesALargerQueueAndGoesBackToWhatThePluginAsks) {
  Make({.policy = QueuePolicy::kDropNewest}, /*capacity=*/2);
  dispatcher_.Dispatch(writer_.Updates(3));
  EXPECT_EQ(slot_->Stats().books.dropped_full, 2u);
  options_.capacity = 10;
  slot_->Configure(options_);
  EXPECT_EQ(slot_->Stats().capacity, 10u);
  dispatcher_.Dispatch(writer_.Updates(3));
  EXPECT_EQ(slot_->Stats().books.dropped_full, 2u) << "there is room";
  options_.capacity = 0;
  slot_->Configure(options_);
  EXPECT_EQ(slot_->Stats().capacity, 2u);
  EXPECT_EQ(slot_->Stats().books.queued, 4u) << "what waits stays";
  record_->message_gate.Open();
  ASSERT_TRUE(slot_->Drain(absl::InfiniteDuration()));
  EXPECT_TRUE(slot_->Stats().books.Balance());
}

TEST_F(SlotConfigureTest, LetsASourceGoThatAnotherPolicyWouldNotHoldUp) {
  Make({.policy = QueuePolicy::kBlock}, /*capacity=*/2);
  std::thread source([&] { dispatcher_.Dispatch(writer_.Updates(5)); });
  while (!slot_->Stats().blocking) std::this_thread::yield();
  options_.policy = QueuePolicy::kDropOldest;
  slot_->Configure(options_);
  source.join();
  record_->message_gate.Open();
  ASSERT_TRUE(slot_->Drain(absl::InfiniteDuration()));
  EXPECT_THAT(record_->seqs(), ElementsAre(1, 6)) << "the newest is there";
}

TEST_F(SlotConfigureTest, IsOfferedWhatComesFromItsSourcesNow) {
  Make({.policy = QueuePolicy::kBlock});
  const uint64_t before = slot_->Stats().books.offered;
  options_.sources = {"elsewhere"};
  slot_->Configure(options_);
  dispatcher_.Dispatch(writer_.Updates(3));
  EXPECT_EQ(slot_->Stats().books.offered, before);
  options_.sources = {};
  slot_->Configure(options_);
  dispatcher_.Dispatch(writer_.Updates(3));
  EXPECT_EQ(slot_->Stats().books.offered, before + 3);
  record_->message_gate.Open();
  ASSERT_TRUE(slot_->Drain(absl::InfiniteDuration()));
}

TEST_F(SlotConfigureTest, WaitsForTheNextInstanceAsLongAsItIsToldNow) {
  Make({.policy = QueuePolicy::kBlock});
  options_.create_deadline = absl::Milliseconds(20);
  slot_->Configure(options_);
  record_->create_gate.Shut();
  EXPECT_THAT(slot_->Prepare(std::make_shared<FakeHandler>(record_), nullptr),
              StatusIs(absl::StatusCode::kDeadlineExceeded,
                       testing::HasSubstr("20ms")));
  record_->message_gate.Open();
  ASSERT_TRUE(slot_->Drain(absl::InfiniteDuration()));
}

}  // namespace
}  // namespace weir
