// What an instance is called for beside its messages: ticks, calls of the
// host's, what was lost, and that it should come back.
#include <atomic>
#include <memory>
#include <thread>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/dispatch/dispatcher.h"
#include "host/pipeline/handler.h"
#include "host/pipeline/handler_registry.h"
#include "host/pipeline/handler_slot.h"
#include "host/pipeline/losses.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_handler.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_messages.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;

constexpr absl::Duration kTick = absl::Milliseconds(10);

class SlotTest : public testing::Test {
 protected:
  // An instance that waits for its turn.
  uint64_t Prepare(const FakeHandlerScript& script) {
    const auto prepared = slot_->Prepare(
        std::make_shared<FakeHandler>(record_, script), [this] { ++gone_; });
    EXPECT_THAT(prepared, IsOk());
    return prepared->instance;
  }

  uint64_t Run(const FakeHandlerScript& script) {
    const uint64_t instance = Prepare(script);
    EXPECT_THAT(slot_->Switch(instance, absl::InfiniteDuration()), IsOk());
    return instance;
  }

  // Waits until the worker was between two runs.
  void Sync(uint64_t instance) {
    ASSERT_THAT(slot_->Call(
                    instance, [](Handler&) {}, absl::InfiniteDuration()),
                IsOk());
  }

  TestTables tables_;
  TestWriter writer_{tables_};
  FakeClock clock_;
  const std::shared_ptr<FakeHandlerRecord> record_ =
      std::make_shared<FakeHandlerRecord>();
  std::atomic<int> gone_{0};
  Dispatcher dispatcher_{tables_.types, tables_.sources, tables_.pool, clock_};
  const std::shared_ptr<HandlerSlot> slot_ =
      dispatcher_
          .AddSlot(
              {.name = "h", .policy = QueuePolicy::kDropNewest, .capacity = 10})
          .value();
};

TEST_F(SlotTest, TicksWhileNoMessagesCome) {
  Run({.tick_interval = kTick});
  for (int n = 1; n <= 3; ++n) {
    clock_.Advance(kTick);
    record_->WaitForTicks(n);
  }
  EXPECT_EQ(record_->ticks(), 3);
  EXPECT_EQ(record_->threads().size(), 1u);
}

TEST_F(SlotTest, TicksBetweenTwoMessagesOfMany) {
  slot_->SetIntake(HandlerSlot::Intake::kQueue);
  const uint64_t instance = Run({.tick_interval = kTick});
  record_->message_gate.Shut();
  dispatcher_.Dispatch(writer_.Updates(5));
  record_->message_gate.WaitForSomebody();
  clock_.Advance(kTick);
  record_->tick_gate.Shut();
  record_->message_gate.Open();
  record_->tick_gate.WaitForSomebody();
  EXPECT_LT(record_->seqs().size(), 5u);
  record_->tick_gate.Open();
  record_->WaitForHandled(5);
  Sync(instance);
  EXPECT_EQ(record_->ticks(), 1);
}

TEST_F(SlotTest, DoesNotMakeUpForTicksThatWereMissed) {
  const uint64_t instance = Run({.tick_interval = kTick});
  clock_.Advance(100 * kTick);
  record_->WaitForTicks(1);
  Sync(instance);
  Sync(instance);
  EXPECT_EQ(record_->ticks(), 1);
}

TEST_F(SlotTest, LooksAtOnceAndThenOnceInEachInterval) {
  const uint64_t instance = Run({.look_interval = kTick});
  record_->WaitForLooks(1);
  Sync(instance);
  EXPECT_EQ(record_->looks(), 1);
  clock_.Advance(kTick);
  record_->WaitForLooks(2);
  clock_.Advance(100 * kTick);
  record_->WaitForLooks(3);
  Sync(instance);
  Sync(instance);
  EXPECT_EQ(record_->looks(), 3);
  EXPECT_EQ(record_->ticks(), 0);
}

TEST_F(SlotTest, LooksBesideTicks) {
  Run({.tick_interval = 4 * kTick, .look_interval = kTick});
  for (int n = 1; n <= 8; ++n) {
    record_->WaitForLooks(n);
    EXPECT_LE(record_->ticks(), n / 4);
    clock_.Advance(kTick);
  }
  record_->WaitForTicks(2);
}

TEST_F(SlotTest, LooksOnlyForWhoHasTheTurnAndIsNotHeld) {
  const uint64_t instance = Prepare({.look_interval = kTick});
  clock_.Advance(kTick);
  Sync(instance);
  EXPECT_EQ(record_->looks(), 0);
  slot_->Hold(true);
  ASSERT_THAT(slot_->Switch(instance, absl::InfiniteDuration()), IsOk());
  Sync(instance);
  EXPECT_EQ(record_->looks(), 0);
  slot_->Hold(false);
  record_->WaitForLooks(1);
}

TEST_F(SlotTest, TellsOfAnInstanceThatDiesOfALook) {
  Run({.look_interval = kTick, .dies_at_look = 1});
  while (gone_ == 0) std::this_thread::yield();
  EXPECT_EQ(gone_, 1);
}

TEST_F(SlotTest, TicksOnlyForWhoHasTheTurnAndIsNotHeld) {
  const uint64_t instance = Prepare({.tick_interval = kTick});
  clock_.Advance(kTick);
  Sync(instance);
  Sync(instance);
  EXPECT_EQ(record_->ticks(), 0) << "it has no turn";
  slot_->Hold(true);
  ASSERT_THAT(slot_->Switch(instance, absl::InfiniteDuration()), IsOk());
  Sync(instance);
  Sync(instance);
  EXPECT_EQ(record_->ticks(), 0) << "it is held";
  slot_->Hold(false);
  record_->WaitForTicks(1);
}

TEST_F(SlotTest, EndsAnInstanceThatDiesInATick) {
  const uint64_t instance = Run({.tick_interval = kTick, .dies_at_tick = 1});
  clock_.Advance(kTick);
  while (gone_ == 0) std::this_thread::yield();
  slot_->End(instance);
  EXPECT_EQ(record_->destroyed(), 0);
}

TEST_F(SlotTest, TellsHowLongATickTakes) {
  Run({.tick_interval = kTick});
  record_->tick_gate.Shut();
  clock_.Advance(kTick);
  record_->tick_gate.WaitForSomebody();
  clock_.Advance(absl::Seconds(3));
  EXPECT_EQ(slot_->Stats().busy_for, absl::Seconds(3));
  record_->tick_gate.Open();
}

TEST_F(SlotTest, MakesACallOnTheThreadOfAnInstanceWithAndWithoutTheTurn) {
  const uint64_t instance = Prepare({});
  const auto call = [&] {
    std::thread::id thread;
    EXPECT_THAT(
        slot_->Call(
            instance, [&](Handler&) { thread = std::this_thread::get_id(); },
            absl::InfiniteDuration()),
        IsOk());
    return thread;
  };
  EXPECT_THAT(record_->threads(), ElementsAre(call()));
  ASSERT_THAT(slot_->Switch(instance, absl::InfiniteDuration()), IsOk());
  EXPECT_THAT(record_->threads(), ElementsAre(call()));
}

TEST_F(SlotTest, GivesUpACallThatWasNotBegunInTime) {
  slot_->SetIntake(HandlerSlot::Intake::kQueue);
  const uint64_t instance = Run({});
  record_->message_gate.Shut();
  dispatcher_.Dispatch(writer_.Updates(1));
  record_->message_gate.WaitForSomebody();
  const auto called = std::make_shared<std::atomic<bool>>(false);
  EXPECT_THAT(slot_->Call(
                  instance, [called](Handler&) { *called = true; },
                  absl::Milliseconds(1)),
              StatusIs(absl::StatusCode::kDeadlineExceeded, testing::_));
  record_->message_gate.Open();
  Sync(instance);
  EXPECT_FALSE(*called);
}

TEST_F(SlotTest, MakesNoCallOfAnInstanceThatEnded) {
  const uint64_t instance = Run({});
  slot_->End(instance);
  EXPECT_THAT(slot_->Call(
                  instance, [](Handler&) { FAIL(); }, absl::Seconds(1)),
              StatusIs(absl::StatusCode::kNotFound, testing::_));
}

TEST_F(SlotTest, TellsAHandlerWhatItLostBeforeItsNextMessage) {
  slot_->SetIntake(HandlerSlot::Intake::kQueue);
  Run({});
  record_->message_gate.Shut();
  dispatcher_.Dispatch(writer_.Updates(1));
  record_->message_gate.WaitForSomebody();
  EXPECT_THAT(record_->losses(), IsEmpty()) << "nothing was lost";
  dispatcher_.Dispatch(writer_.Updates(12));
  record_->message_gate.Open();
  record_->WaitForHandled(10);
  EXPECT_THAT(record_->losses(), ElementsAre(Field(&Losses::dropped_full, 3u)));
}

TEST_F(SlotTest, AsksAHandlerToComeBackWhileSomebodyWaitsForItsTurn) {
  slot_->SetIntake(HandlerSlot::Intake::kQueue);
  const uint64_t instance = Run({});
  record_->message_gate.Shut();
  dispatcher_.Dispatch(writer_.Updates(1));
  record_->message_gate.WaitForSomebody();
  std::thread other(
      [&] { slot_->Switch(0, absl::InfiniteDuration()).IgnoreError(); });
  while (!record_->asked_to_stop()) std::this_thread::yield();
  record_->message_gate.Open();
  other.join();
  EXPECT_FALSE(record_->asked_to_stop()) << "it may get the turn again";
  slot_->End(instance);
  EXPECT_TRUE(record_->asked_to_stop());
}

}  // namespace
}  // namespace weir
