#include "host/dispatch/handler_queue.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/dispatch/let_go.h"
#include "host/dispatch/wants_table.h"
#include "host/pipeline/books.h"
#include "host/pipeline/handler_registry.h"
#include "host/pipeline/handler_slot.h"
#include "host/pipeline/message.h"
#include "host/pipeline/message_batch.h"
#include "host/pipeline/name_table.h"
#include "host/pipeline/receipt.h"
#include "tests/fakes/fake_clock.h"
#include "tests/support/test_messages.h"

namespace weir {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A queue, one thread that pushes, and a worker that the test plays itself.
class HandlerQueueTest : public testing::Test {
 protected:
  HandlerQueueTest() { wants_.Set(kTypeUpdate, true); }

  void MakeQueue(uint32_t capacity, QueuePolicy policy,
                 size_t max_queued_bytes = SIZE_MAX,
                 bool redeliver_once = false) {
    queue_ = std::make_unique<HandlerQueue>(
        HandlerQueueOptions{.policy = policy,
                            .capacity = capacity,
                            .seed = 1,
                            .max_queued_bytes = max_queued_bytes,
                            .redeliver_once = redeliver_once},
        wants_, tables_.pool, clock_);
    ASSERT_TRUE(queue_->PassTurn(&hand_, absl::ZeroDuration()));
  }

  // Pushes the messages of `batch` as one run.
  void Push(MessageBatchRef batch, uint32_t not_wanted = 0) {
    if (!batch) return;
    std::vector<const Message*> run;
    for (const Message* message = batch->first(); message != nullptr;
         message = message->next) {
      run.push_back(message);
    }
    queue_->PushRun(run, not_wanted, clock_.MonotonicNs());
  }
  void PushUpdates(size_t n) { Push(writer_.Updates(n)); }

  // Takes and handles a run of at most `max`. Returns the messages' numbers.
  std::vector<uint64_t> HandleRun(size_t max = HandlerQueue::kMaxRun) {
    const HandlerQueue::Run run = queue_->Take(hand_, max);
    std::vector<uint64_t> seqs;
    for (const Message* message : run.messages) {
      seqs.push_back(message->view.seq);
      hand_.done().fetch_add(1, std::memory_order_release);
    }
    SettleAndLetGo(run.messages, /*threw=*/false);
    return seqs;
  }

  size_t SettleAndLetGo(absl::Span<const Message* const> run, bool threw) {
    const auto settled =
        queue_->Settle(hand_, threw ? HandlerQueue::RunEnd::kThrew
                                    : HandlerQueue::RunEnd::kReturned);
    if (!settled.has_value()) return 0;
    LetGo(run.first(settled->finished));
    LetGoLost(run.subspan(settled->finished, settled->lost));
    return settled->finished + settled->lost;
  }

  static std::vector<uint64_t> Numbers(absl::Span<const Message* const> run) {
    std::vector<uint64_t> seqs;
    for (const Message* message : run) seqs.push_back(message->view.seq);
    return seqs;
  }

  // Handles everything that waits.
  std::vector<uint64_t> HandleAll() {
    std::vector<uint64_t> all;
    while (queue_->books().queued > 0) {
      for (const uint64_t seq : HandleRun()) all.push_back(seq);
    }
    return all;
  }

  TestTables tables_;
  TestWriter writer_{tables_};
  FakeClock clock_;
  WantsTable wants_;
  HandlerQueue::Hand hand_;
  std::unique_ptr<HandlerQueue> queue_;
};

constexpr QueuePolicy kPolicies[] = {
    QueuePolicy::kLinearDrop, QueuePolicy::kDropNewest,
    QueuePolicy::kDropOldest, QueuePolicy::kBlock};

TEST_F(HandlerQueueTest, HandsOutMessagesInTheOrderOfPushes) {
  MakeQueue(10, QueuePolicy::kDropNewest);
  PushUpdates(2);
  PushUpdates(3);
  EXPECT_THAT(HandleRun(4), ElementsAre(1, 2, 3, 4));
  PushUpdates(1);
  EXPECT_THAT(HandleRun(), ElementsAre(5, 6));
}

TEST_F(HandlerQueueTest, KeepsTheOrderWhileItsRingGrowsAndWraps) {
  MakeQueue(100'000, QueuePolicy::kDropNewest);
  uint64_t next = 1;
  for (int i = 0; i < 500; ++i) {
    PushUpdates(200);
    for (const uint64_t seq : HandleRun(70)) ASSERT_EQ(seq, next++);
  }
  for (const uint64_t seq : HandleAll()) ASSERT_EQ(seq, next++);
  EXPECT_EQ(next, 100'001u);
}

TEST_F(HandlerQueueTest, HoldsExactlyItsCapacity) {
  for (const uint32_t capacity : {1u, 2u, 3u, 100u, 255u, 256u, 1025u}) {
    MakeQueue(capacity, QueuePolicy::kDropNewest);
    for (uint32_t left = capacity + 2; left > 0;) {
      const uint32_t n = std::min(left, 200u);
      PushUpdates(n);
      left -= n;
    }
    EXPECT_EQ(queue_->books().queued, capacity);
    EXPECT_EQ(queue_->books().dropped_full, 2u) << capacity;
    EXPECT_EQ(queue_->Read(0).high_water, capacity);
    queue_->Discard();
  }
}

TEST_F(HandlerQueueTest, CountsWhatTheWorkerTookUntilItIsDone) {
  MakeQueue(4, QueuePolicy::kDropNewest);
  PushUpdates(4);
  const HandlerQueue::Run run = queue_->Take(hand_, 4);
  PushUpdates(1);
  EXPECT_EQ(queue_->books().dropped_full, 1u) << "all four are unfinished";

  hand_.done().store(3, std::memory_order_release);
  PushUpdates(4);
  EXPECT_EQ(queue_->books().dropped_full, 2u) << "three of four are finished";
  hand_.done().store(4, std::memory_order_release);
  SettleAndLetGo(run.messages, false);
  EXPECT_THAT(HandleAll(), ElementsAre(6, 7, 8));
}

TEST_F(HandlerQueueTest, BalancesItsBooksInTheMiddleOfARun) {
  MakeQueue(10, QueuePolicy::kDropNewest);
  PushUpdates(10);
  const HandlerQueue::Run run = queue_->Take(hand_, 6);
  struct Case {
    const char* why;
    uint32_t done, errors;
    uint64_t ok, error, in_flight, queued;
  };
  for (const Case& c : std::vector<Case>{
           {"taken, none finished", 0, 0, 0, 0, 1, 9},
           {"two finished", 2, 0, 2, 0, 1, 7},
           {"the third is refused but not finished", 2, 1, 2, 0, 1, 7},
           {"the third is finished", 3, 1, 2, 1, 1, 6},
           {"all finished, not settled", 6, 1, 5, 1, 0, 4},
           {"more than there were, by a handler that miscounts", 9, 1, 5, 1, 0,
            4},
       }) {
    hand_.errors().store(c.errors, std::memory_order_release);
    hand_.done().store(c.done, std::memory_order_release);
    const Books books = queue_->books();
    EXPECT_TRUE(books.Balance()) << c.why;
    EXPECT_EQ(books.processed_ok, c.ok) << c.why;
    EXPECT_EQ(books.processed_error, c.error) << c.why;
    EXPECT_EQ(books.in_flight, c.in_flight) << c.why;
    EXPECT_EQ(books.queued, c.queued) << c.why;
  }
  SettleAndLetGo(run.messages, false);
  EXPECT_EQ(queue_->books().processed_ok, 5u);
  HandleAll();
}

TEST_F(HandlerQueueTest, DropsTheNewestWhenFullIfToldTo) {
  MakeQueue(3, QueuePolicy::kDropNewest);
  PushUpdates(5);
  EXPECT_THAT(HandleAll(), ElementsAre(1, 2, 3));
  EXPECT_EQ(queue_->books().dropped_full, 2u);
}

TEST_F(HandlerQueueTest, DropsTheOldestWhenFullIfToldTo) {
  MakeQueue(3, QueuePolicy::kDropOldest);
  PushUpdates(5);
  EXPECT_THAT(HandleAll(), ElementsAre(3, 4, 5));
  const Books books = queue_->books();
  EXPECT_EQ(books.offered, 5u);
  EXPECT_EQ(books.enqueued, 3u);
  EXPECT_EQ(books.dropped_full, 2u);
}

TEST_F(HandlerQueueTest, DropsTheNewestIfTheWorkerHasTakenAllThatIsOlder) {
  MakeQueue(3, QueuePolicy::kDropOldest);
  PushUpdates(3);
  const HandlerQueue::Run run = queue_->Take(hand_, 3);
  PushUpdates(2);
  EXPECT_EQ(queue_->books().dropped_full, 2u);
  EXPECT_EQ(run.messages.front()->view.seq, 1u);
  hand_.done().store(3, std::memory_order_release);
  SettleAndLetGo(run.messages, false);
  EXPECT_EQ(queue_->books().queued, 0u);
}

TEST_F(HandlerQueueTest, DropsByChanceOnlyFromHalfFullOn) {
  MakeQueue(100, QueuePolicy::kLinearDrop);
  PushUpdates(51);
  EXPECT_EQ(queue_->books().dropped_policy, 0u);
  for (int i = 0; i < 20; ++i) PushUpdates(50);
  const Books books = queue_->books();
  EXPECT_GT(books.dropped_policy, 0u);
  EXPECT_GT(books.queued, 75u);
  EXPECT_TRUE(books.Balance());
  queue_->Discard();
}

TEST_F(HandlerQueueTest, DropsAsTheCurveSaysAtEachFill) {
  struct Case {
    size_t queued;
    double want;
  };
  for (const Case& c : std::vector<Case>{{60, 0.2}, {75, 0.5}, {90, 0.8}}) {
    MakeQueue(100, QueuePolicy::kLinearDrop);
    while (queue_->books().queued < c.queued) PushUpdates(1);
    const uint64_t before = queue_->books().dropped_policy;
    for (int i = 0; i < 4000; ++i) {
      PushUpdates(1);
      if (queue_->books().queued > c.queued) HandleRun(1);
    }
    const double dropped =
        static_cast<double>(queue_->books().dropped_policy - before);
    EXPECT_NEAR(dropped / 4000, c.want, 0.03) << c.queued << " % full";
    queue_->Discard();
  }
}

TEST_F(HandlerQueueTest, MakesTheSameDecisionsForTheSameSeed) {
  std::vector<std::vector<uint64_t>> kept(2);
  for (std::vector<uint64_t>& seqs : kept) {
    TestWriter writer(tables_);
    MakeQueue(64, QueuePolicy::kLinearDrop);
    for (int i = 0; i < 10; ++i) Push(writer.Updates(30));
    seqs = HandleAll();
  }
  EXPECT_EQ(kept[0], kept[1]);
}

TEST_F(HandlerQueueTest, BalancesItsBooksUnderEveryPolicy) {
  for (const QueuePolicy policy : kPolicies) {
    MakeQueue(64, policy);
    for (int i = 0; i < 200; ++i) {
      const bool room =
          queue_->books().queued + 20 <= 64 || policy != QueuePolicy::kBlock;
      if (room) PushUpdates(i % 21);
      if (i % 3 == 0 && queue_->books().queued > 0) HandleRun(1 + i % 30);
      if (i == 190) {
        queue_->SetIntake(HandlerSlot::Intake::kNotRunning);
        queue_->Discard();
      }
      ASSERT_TRUE(queue_->books().Balance())
          << "policy " << static_cast<int>(policy) << ", step " << i;
    }
    EXPECT_EQ(queue_->books().queued, 0u);
  }
}

TEST_F(HandlerQueueTest, CountsWhatIsNotWanted) {
  MakeQueue(8, QueuePolicy::kDropNewest);
  Push(writer_.Updates(2), /*not_wanted=*/5);
  EXPECT_EQ(queue_->books().offered, 7u);
  EXPECT_EQ(queue_->books().not_wanted, 5u);
  HandleAll();
}

TEST_F(HandlerQueueTest, KeepsAnUndecidedMessageOutsideOfTheBooks) {
  MakeQueue(8, QueuePolicy::kDropNewest);
  Push(writer_.Batch({"UPDATE", "NEW", "UPDATE"}));
  EXPECT_EQ(queue_->books().offered, 2u);
  EXPECT_EQ(queue_->books().queued, 2u);
  EXPECT_TRUE(queue_->books().Balance());
  queue_->Discard();
}

TEST_F(HandlerQueueTest, AsksForAnUndecidedTypeWhenItsTurnComes) {
  MakeQueue(8, QueuePolicy::kDropNewest);
  Push(writer_.Batch({"UPDATE", "NEW", "UPDATE", "NEW"}));
  const uint16_t type = tables_.types.Intern("NEW");
  EXPECT_THAT(HandleRun(), ElementsAre(1));
  EXPECT_EQ(queue_->Take(hand_, 8).undecided_type, type);
  queue_->Decide(hand_, type, true);
  EXPECT_THAT(HandleRun(), ElementsAre(2, 3, 4));
  EXPECT_EQ(queue_->books().processed_ok, 4u);
}

TEST_F(HandlerQueueTest, LetsGoOfUndecidedMessagesThatTurnOutUnwanted) {
  MakeQueue(8, QueuePolicy::kDropNewest);
  std::optional<Outcome> outcome;
  Push(writer_.Batch({"NEW", "UPDATE", "NEW"},
                     Receipt([&](Outcome o) { outcome = o; })));
  const uint16_t type = tables_.types.Intern("NEW");
  ASSERT_EQ(queue_->Take(hand_, 8).undecided_type, type);
  queue_->Decide(hand_, type, false);
  EXPECT_EQ(queue_->books().not_wanted, 2u);
  EXPECT_THAT(HandleRun(), ElementsAre(2));
  EXPECT_TRUE(queue_->books().Balance());
  EXPECT_EQ(outcome, Outcome::kAllProcessed) << "an unwanted one is not lost";
}

TEST_F(HandlerQueueTest, DisplacesNoWantedMessageForAnUndecidedOne) {
  MakeQueue(2, QueuePolicy::kDropOldest);
  PushUpdates(2);
  Push(writer_.Batch({"NEW"}));
  EXPECT_EQ(queue_->books().dropped_full, 1u);
  EXPECT_THAT(HandleAll(), ElementsAre(1, 2));
}

TEST_F(HandlerQueueTest, CountsADroppedUndecidedMessageAsOffered) {
  MakeQueue(1, QueuePolicy::kDropOldest);
  Push(writer_.Batch({"NEW"}));
  PushUpdates(1);
  const Books books = queue_->books();
  EXPECT_EQ(books.offered, 2u);
  EXPECT_EQ(books.dropped_full, 1u);
  EXPECT_EQ(books.enqueued, 1u);
  EXPECT_TRUE(books.Balance());
  EXPECT_THAT(HandleAll(), ElementsAre(2));
}

TEST_F(HandlerQueueTest, CountsTheMessageThatAHandlerThrewAtAsAnError) {
  MakeQueue(8, QueuePolicy::kDropNewest);
  PushUpdates(4);
  const HandlerQueue::Run run = queue_->Take(hand_, 4);
  hand_.done().store(1, std::memory_order_release);
  EXPECT_EQ(SettleAndLetGo(run.messages, /*threw=*/true), 2u);
  EXPECT_EQ(queue_->books().processed_ok, 1u);
  EXPECT_EQ(queue_->books().processed_error, 1u);
  EXPECT_EQ(queue_->books().in_flight, 1u) << "the third is next";
  EXPECT_EQ(hand_.done().load(), 0u);
  hand_.done().store(2, std::memory_order_release);
  SettleAndLetGo(run.messages.subspan(2), false);
  EXPECT_EQ(queue_->books().processed_ok, 3u);
}

TEST_F(HandlerQueueTest, CountsWhatAHandlerLeftUndoneAsLost) {
  MakeQueue(8, QueuePolicy::kDropNewest);
  std::optional<Outcome> outcome;
  Push(writer_.Updates(4, Receipt([&](Outcome o) { outcome = o; })));
  const HandlerQueue::Run run = queue_->Take(hand_, 4);
  hand_.done().store(1, std::memory_order_release);
  EXPECT_EQ(SettleAndLetGo(run.messages, false), 4u);
  EXPECT_EQ(queue_->books().lost_in_crash, 3u);
  EXPECT_TRUE(queue_->books().Balance());
  EXPECT_EQ(outcome, Outcome::kSomeLost);
}

TEST_F(HandlerQueueTest, CompletesAReceiptOnceAndSaysWhatBecameOfTheBatch) {
  struct Case {
    const char* why;
    QueuePolicy policy;
    size_t messages;
    Outcome want;
  };
  for (const Case& c : std::vector<Case>{
           {"all fit", QueuePolicy::kDropNewest, 3, Outcome::kAllProcessed},
           {"one dropped", QueuePolicy::kDropNewest, 4, Outcome::kSomeLost},
           {"one displaced", QueuePolicy::kDropOldest, 4, Outcome::kSomeLost},
           {"all fit", QueuePolicy::kBlock, 3, Outcome::kAllProcessed},
       }) {
    MakeQueue(3, c.policy);
    std::vector<Outcome> outcomes;
    Push(writer_.Updates(c.messages,
                         Receipt([&](Outcome o) { outcomes.push_back(o); })));
    EXPECT_THAT(outcomes, IsEmpty()) << c.why << ": before it is handled";
    HandleAll();
    EXPECT_THAT(outcomes, ElementsAre(c.want)) << c.why;
  }
}

TEST_F(HandlerQueueTest, LetsGoOfADisplacedMessageWithoutItsLock) {
  MakeQueue(1, QueuePolicy::kDropOldest);
  uint64_t dropped = 0;
  Push(writer_.Updates(1, Receipt([&](Outcome) {
                         dropped = queue_->books().dropped_full;  // Locks.
                       })));
  PushUpdates(1);
  EXPECT_EQ(dropped, 1u);
  queue_->Discard();
}

TEST_F(HandlerQueueTest, LetsGoOfWhatItDiscardsWithoutItsLock) {
  MakeQueue(4, QueuePolicy::kDropNewest);
  std::optional<Outcome> outcome;
  uint64_t discarded = 0;
  Push(writer_.Updates(3, Receipt([&](Outcome o) {
                         outcome = o;
                         discarded = queue_->books().discarded_on_unload;
                       })));
  EXPECT_EQ(queue_->Discard(), 3u);
  EXPECT_EQ(discarded, 3u);
  EXPECT_EQ(outcome, Outcome::kSomeLost);
}

TEST_F(HandlerQueueTest, DropsAsNotRunningAfterItsIntakeWasStopped) {
  for (const QueuePolicy policy : kPolicies) {
    MakeQueue(4, policy);
    PushUpdates(2);
    queue_->SetIntake(HandlerSlot::Intake::kNotRunning);
    queue_->SetIntake(HandlerSlot::Intake::kNotRunning);
    PushUpdates(3);
    EXPECT_EQ(queue_->books().dropped_not_running, 3u);
    EXPECT_EQ(queue_->books().queued, 2u);
    EXPECT_TRUE(queue_->books().Balance());
    queue_->Discard();
  }
}

TEST_F(HandlerQueueTest, LeavesItsBooksAsTheyWereOnceTheyAreClosed) {
  MakeQueue(4, QueuePolicy::kDropNewest);
  PushUpdates(2);
  queue_->SetIntake(HandlerSlot::Intake::kNotRunning);
  queue_->Discard();
  const Books books = queue_->CloseBooks();
  std::optional<Outcome> outcome;
  Push(writer_.Updates(1, Receipt([&](Outcome o) { outcome = o; })), 7);
  EXPECT_EQ(queue_->books().offered, books.offered);
  EXPECT_EQ(queue_->books().dropped(), books.dropped());
  EXPECT_EQ(outcome, Outcome::kUnwanted)
      << "a handler that is gone has lost nothing";
}

TEST_F(HandlerQueueTest, LosesOneMessageOfAnAbandonedWorkerAndKeepsItsMemory) {
  MakeQueue(8, QueuePolicy::kDropNewest);
  std::vector<Outcome> outcomes;
  Push(writer_.Updates(5, Receipt([&](Outcome o) { outcomes.push_back(o); })));
  const HandlerQueue::Run run = queue_->Take(hand_, 4);
  hand_.done().store(1, std::memory_order_release);
  queue_->End(hand_);
  EXPECT_TRUE(queue_->Abandon(hand_));
  Books books = queue_->books();
  EXPECT_EQ(books.processed_ok, 1u);
  EXPECT_EQ(books.lost_in_crash, 1u);
  EXPECT_EQ(books.queued, 3u);
  EXPECT_TRUE(books.Balance());
  static const Message* kept = nullptr;  // A root for the leak checker.
  kept = run.messages[1];
  EXPECT_EQ(kept->view.seq, 2u) << "still readable";

  // The one that hung comes back, and changes nothing.
  hand_.done().store(4, std::memory_order_release);
  EXPECT_EQ(queue_->Settle(hand_, HandlerQueue::RunEnd::kReturned),
            std::nullopt);
  EXPECT_EQ(queue_->books().processed_ok, 1u);

  HandlerQueue::Hand successor;
  ASSERT_TRUE(queue_->PassTurn(&successor, absl::ZeroDuration()));
  const HandlerQueue::Run rest = queue_->Take(successor, 8);
  EXPECT_THAT(Numbers(rest.messages), ElementsAre(3, 4, 5));
  successor.done().store(3, std::memory_order_release);
  ASSERT_TRUE(queue_->Settle(successor, HandlerQueue::RunEnd::kReturned));
  LetGo(rest.messages);
  EXPECT_THAT(outcomes, ElementsAre(Outcome::kSomeLost));
  EXPECT_EQ(queue_->books().processed_ok, 4u);
  EXPECT_EQ(kept->view.seq, 2u) << "still readable";
}

TEST_F(HandlerQueueTest, PutsBackWhatAWorkerThatDiedHadNotBegun) {
  for (const bool in_one : {true, false}) {
    MakeQueue(8, QueuePolicy::kDropNewest);
    const uint64_t first = writer_.next_seq();
    PushUpdates(6);
    const HandlerQueue::Run run = queue_->Take(hand_, 4);
    hand_.done().store(2, std::memory_order_release);
    const auto settled =
        queue_->Settle(hand_, in_one ? HandlerQueue::RunEnd::kDiedInOne
                                     : HandlerQueue::RunEnd::kDied);
    ASSERT_TRUE(settled.has_value());
    EXPECT_EQ(settled->finished, 2u);
    EXPECT_EQ(settled->lost, in_one ? 1u : 0u);
    EXPECT_EQ(settled->put_back, in_one ? 1u : 2u);
    LetGo(run.messages.first(2));
    LetGoLost(run.messages.subspan(2, settled->lost));
    EXPECT_EQ(queue_->books().lost_in_crash, in_one ? 1u : 0u);
    EXPECT_TRUE(queue_->books().Balance());
    std::vector<uint64_t> expected;
    for (uint64_t i = in_one ? 3 : 2; i < 6; ++i) expected.push_back(first + i);
    EXPECT_EQ(HandleAll(), expected) << "in order";
  }
}

TEST_F(HandlerQueueTest, GivesTheMessageOfACrashOnceMoreIfToldTo) {
  MakeQueue(8, QueuePolicy::kDropNewest, SIZE_MAX, /*redeliver_once=*/true);
  const uint64_t first = writer_.next_seq();
  PushUpdates(4);
  const auto die = [this](uint32_t done, bool in_one) {
    const HandlerQueue::Run run = queue_->Take(hand_, 8);
    hand_.done().store(done, std::memory_order_release);
    const auto settled =
        queue_->Settle(hand_, in_one ? HandlerQueue::RunEnd::kDiedInOne
                                     : HandlerQueue::RunEnd::kDied);
    LetGo(run.messages.first(settled->finished));
    LetGoLost(run.messages.subspan(settled->finished, settled->lost));
    EXPECT_TRUE(queue_->books().Balance());
    return run.redelivered;
  };
  EXPECT_FALSE(die(1, /*in_one=*/true)) << "in the second one";
  EXPECT_EQ(queue_->books().lost_in_crash, 0u);
  EXPECT_EQ(queue_->books().queued, 3u);
  EXPECT_EQ(queue_->Read(0).redelivered, 0u) << "nobody was given it yet";

  EXPECT_TRUE(die(0, /*in_one=*/false)) << "before it came to that";
  EXPECT_EQ(queue_->Read(0).redelivered, 0u);

  EXPECT_TRUE(die(0, /*in_one=*/true)) << "and once is enough";
  EXPECT_EQ(queue_->books().lost_in_crash, 1u);
  EXPECT_EQ(queue_->Read(0).redelivered, 1u);

  EXPECT_FALSE(die(0, /*in_one=*/true)) << "the third one, for the first time";
  const HandlerQueue::Run run = queue_->Take(hand_, 8);
  EXPECT_TRUE(run.redelivered);
  EXPECT_THAT(Numbers(run.messages), ElementsAre(first + 2, first + 3));
  hand_.done().store(2, std::memory_order_release);
  SettleAndLetGo(run.messages, /*threw=*/false);
  EXPECT_EQ(queue_->Read(0).redelivered, 2u);
  EXPECT_EQ(queue_->books().processed_ok, 3u);
  EXPECT_EQ(queue_->books().lost_in_crash, 1u);
  EXPECT_EQ(queue_->books().enqueued, 4u);
}

TEST_F(HandlerQueueTest, GivesTheMessageOfAHangOnceMoreIfToldTo) {
  MakeQueue(8, QueuePolicy::kDropNewest, SIZE_MAX, /*redeliver_once=*/true);
  const uint64_t first = writer_.next_seq();
  PushUpdates(3);
  HandlerQueue::Hand other;
  queue_->Take(hand_, 8);
  queue_->End(hand_);
  EXPECT_FALSE(queue_->Abandon(hand_)) << "nothing is lost";
  EXPECT_TRUE(queue_->books().Balance());
  ASSERT_TRUE(queue_->PassTurn(&other, absl::ZeroDuration()));
  const HandlerQueue::Run run = queue_->Take(other, 8);
  EXPECT_TRUE(run.redelivered);
  EXPECT_THAT(Numbers(run.messages), ElementsAre(first, first + 1, first + 2));
  static const Message* kept = nullptr;  // A root for the leak checker.
  kept = run.messages[0];
  EXPECT_EQ(kept->view.seq, first);
  queue_->End(other);
  EXPECT_TRUE(queue_->Abandon(other)) << "once is enough";
  EXPECT_EQ(queue_->books().lost_in_crash, 1u);
  EXPECT_EQ(queue_->books().queued, 2u);
  EXPECT_EQ(queue_->Read(0).redelivered, 1u);
  EXPECT_TRUE(queue_->books().Balance());
  EXPECT_EQ(queue_->Discard(), 2u);
}

TEST_F(HandlerQueueTest, CopiesTheMessageInTheWorkersHands) {
  MakeQueue(8, QueuePolicy::kDropNewest);
  EXPECT_FALSE(queue_->InFlight().has_value());
  const uint64_t first = writer_.next_seq();
  writer_.set_payload("{\"a\": 1}");
  PushUpdates(3);
  EXPECT_FALSE(queue_->InFlight().has_value()) << "it only waits";
  const HandlerQueue::Run run = queue_->Take(hand_, 8);
  hand_.done().store(1, std::memory_order_release);
  const auto copy = queue_->InFlight();
  ASSERT_TRUE(copy.has_value());
  EXPECT_EQ(copy->seq, first + 1);
  EXPECT_EQ(copy->payload(), "{\"a\": 1}");
  hand_.done().store(3, std::memory_order_release);
  EXPECT_FALSE(queue_->InFlight().has_value()) << "all is done";
  SettleAndLetGo(run.messages, /*threw=*/false);
}

TEST_F(HandlerQueueTest, PassesTheTurnOnceTheRunIsFinished) {
  MakeQueue(8, QueuePolicy::kDropNewest);
  PushUpdates(3);
  const HandlerQueue::Run run = queue_->Take(hand_, 2);
  HandlerQueue::Hand next;
  bool called = false;
  EXPECT_FALSE(
      queue_->PassTurn(&next, absl::ZeroDuration(), [&] { called = true; }));
  EXPECT_FALSE(called) << "nothing has changed";
  std::vector<uint64_t> taken;
  std::thread successor([&] {
    const HandlerQueue::Run rest = queue_->Take(next, 8);
    taken = Numbers(rest.messages);
    next.done().store(static_cast<uint32_t>(rest.messages.size()),
                      std::memory_order_release);
    queue_->Settle(next, HandlerQueue::RunEnd::kReturned);
    LetGo(rest.messages);
  });
  std::thread passes([&] {
    EXPECT_TRUE(queue_->PassTurn(&next, absl::InfiniteDuration(),
                                 [&] { called = true; }));
  });
  hand_.done().store(2, std::memory_order_release);
  SettleAndLetGo(run.messages, false);
  passes.join();
  successor.join();
  EXPECT_TRUE(called);
  EXPECT_THAT(taken, ElementsAre(3));
}

TEST_F(HandlerQueueTest, DiscardsWhatTheNextWorkerDoesNotWant) {
  MakeQueue(8, QueuePolicy::kDropNewest);
  PushUpdates(3);
  HandlerQueue::Hand next;
  ASSERT_TRUE(queue_->PassTurn(&next, absl::ZeroDuration(),
                               [&] { wants_.Set(kTypeUpdate, false); }));
  EXPECT_EQ(queue_->books().discarded_on_unload, 3u);
  EXPECT_EQ(queue_->books().queued, 0u);
  EXPECT_TRUE(queue_->books().Balance());
}

TEST_F(HandlerQueueTest, HoldsNoSourceUpWhileItIsHeld) {
  MakeQueue(2, QueuePolicy::kBlock);
  queue_->Hold(true);
  PushUpdates(5);
  EXPECT_EQ(queue_->books().queued, 2u);
  EXPECT_EQ(queue_->books().dropped_full, 3u);
  queue_->Hold(false);
  EXPECT_EQ(HandleAll().size(), 2u);
}

TEST_F(HandlerQueueTest, CountsWhatAQuarantinedSlotDrops) {
  MakeQueue(2, QueuePolicy::kBlock);
  queue_->SetIntake(HandlerSlot::Intake::kQuarantined);
  PushUpdates(5);
  EXPECT_EQ(queue_->books().dropped_quarantined, 5u);
  EXPECT_TRUE(queue_->books().Balance());
}

TEST_F(HandlerQueueTest, TakesMoreOnceItIsLarger) {
  MakeQueue(2, QueuePolicy::kDropNewest);
  PushUpdates(3);
  queue_->SetCapacity(5);
  PushUpdates(4);
  EXPECT_EQ(queue_->capacity(), 5u);
  EXPECT_EQ(queue_->books().queued, 5u);
  EXPECT_EQ(queue_->books().dropped_full, 2u);
  HandleAll();
}

TEST_F(HandlerQueueTest, BlocksThePusherUntilThereIsRoom) {
  for (const uint32_t capacity : {1u, 2u, 7u, 300u}) {
    MakeQueue(capacity, QueuePolicy::kBlock);
    std::thread pusher([&] {
      TestWriter writer(tables_);
      for (int i = 0; i < 170; ++i) Push(writer.Updates(i % 17));
    });
    uint64_t next = 1;
    while (next <= 10 * (16 * 17 / 2)) {
      for (const uint64_t seq : HandleRun(5)) ASSERT_EQ(seq, next++);
    }
    pusher.join();
    EXPECT_EQ(queue_->books().dropped(), 0u);
    EXPECT_LE(queue_->Read(0).high_water, capacity);
  }
}

TEST_F(HandlerQueueTest, LetsTheBlockedPusherGoWhenTheIntakeIsStopped) {
  MakeQueue(1, QueuePolicy::kBlock);
  std::optional<Outcome> outcome;
  std::thread pusher([&] {
    Push(TestWriter(tables_).Updates(5,
                                     Receipt([&](Outcome o) { outcome = o; })));
  });
  while (!queue_->Read(0).blocking) std::this_thread::yield();
  queue_->SetIntake(HandlerSlot::Intake::kNotRunning);
  pusher.join();
  EXPECT_EQ(queue_->books().dropped_not_running, 4u);
  EXPECT_FALSE(queue_->Read(0).blocking);
  HandleAll();
  EXPECT_EQ(outcome, Outcome::kSomeLost);
}

TEST_F(HandlerQueueTest, TellsForHowLongItHeldASourceUp) {
  MakeQueue(1, QueuePolicy::kBlock);
  std::thread pusher([&] { Push(TestWriter(tables_).Updates(2)); });
  while (!queue_->Read(0).blocking) std::this_thread::yield();
  clock_.Advance(absl::Seconds(3));
  EXPECT_EQ(queue_->Read(clock_.MonotonicNs()).blocked_ns, 3'000'000'000);
  HandleRun();
  pusher.join();
  clock_.Advance(absl::Seconds(3));
  EXPECT_EQ(queue_->Read(clock_.MonotonicNs()).blocked_ns, 3'000'000'000);
  HandleRun();
}

TEST_F(HandlerQueueTest, CountsAsFullAboveItsByteBudgetUnlessItIsEmpty) {
  MakeQueue(100, QueuePolicy::kDropNewest, /*max_queued_bytes=*/1000);
  PushUpdates(10);  // Holds a whole slab.
  EXPECT_EQ(queue_->books().queued, 1u);
  EXPECT_EQ(queue_->books().dropped_full, 9u);
  HandleAll();
}

TEST_F(HandlerQueueTest,
       BlocksAboveItsByteBudgetAndStillGetsEverythingThrough) {
  MakeQueue(100, QueuePolicy::kBlock, /*max_queued_bytes=*/1000);
  std::thread pusher([&] { Push(TestWriter(tables_).Updates(10)); });
  for (uint64_t next = 1; next <= 10;) {
    for (const uint64_t seq : HandleRun()) ASSERT_EQ(seq, next++);
  }
  pusher.join();
  EXPECT_EQ(queue_->books().processed_ok, 10u);
}

TEST_F(HandlerQueueTest, TellsThePayloadThatWaitsAndTheAgeOfTheOldest) {
  MakeQueue(10, QueuePolicy::kDropNewest);
  EXPECT_EQ(queue_->Read(0).oldest_ns, std::nullopt);
  clock_.Advance(absl::Nanoseconds(5));
  writer_.set_payload(std::string(100, 'x'));
  PushUpdates(3);
  clock_.Advance(absl::Nanoseconds(5));
  PushUpdates(2);
  EXPECT_EQ(queue_->Read(0).queued_bytes, 500u);
  EXPECT_EQ(queue_->Read(0).oldest_ns, 5);
  const HandlerQueue::Run run = queue_->Take(hand_, 3);
  hand_.done().store(1, std::memory_order_release);
  EXPECT_EQ(queue_->Read(0).queued_bytes, 300u) << "one done, one in flight";
  EXPECT_EQ(queue_->Read(0).oldest_ns, 5);
  hand_.done().store(3, std::memory_order_release);
  SettleAndLetGo(run.messages, false);
  EXPECT_EQ(queue_->Read(0).oldest_ns, 10);
  HandleAll();
  EXPECT_EQ(queue_->Read(0).queued_bytes, 0u);
}

TEST_F(HandlerQueueTest, EndsTheWorkerThatWaits) {
  MakeQueue(2, QueuePolicy::kBlock);
  std::thread worker([&] {
    const HandlerQueue::Run run = queue_->Take(hand_, 1);
    EXPECT_TRUE(run.messages.empty());
    EXPECT_EQ(run.undecided_type, std::nullopt);
  });
  EXPECT_TRUE(queue_->WaitUntilIdle(absl::InfiniteDuration()));
  queue_->End(hand_);
  worker.join();
}

TEST_F(HandlerQueueTest, WaitsForIdlenessNoLongerThanItIsTold) {
  MakeQueue(2, QueuePolicy::kDropNewest);
  PushUpdates(1);
  EXPECT_FALSE(queue_->WaitUntilIdle(absl::ZeroDuration()));
  queue_->Discard();
  queue_->End(hand_);
  EXPECT_TRUE(queue_->WaitUntilIdle(absl::InfiniteDuration()));
}

TEST_F(HandlerQueueTest, DoesNotWaitForWhatNobodyTakes) {
  MakeQueue(2, QueuePolicy::kDropNewest);
  std::thread worker([&] { queue_->Take(hand_, 1); });
  queue_->Hold(true);
  PushUpdates(1);
  EXPECT_FALSE(queue_->WaitUntilIdle(absl::InfiniteDuration())) << "it is held";
  queue_->End(hand_);
  worker.join();
  queue_->Discard();
}

// Each push meets a worker that is just about to wait, or has just begun to.
TEST_F(HandlerQueueTest, LosesNoWakeUp) {
  MakeQueue(1, QueuePolicy::kBlock);
  constexpr uint64_t kMessages = 20'000;
  std::thread pusher([&] {
    TestWriter writer(tables_);
    for (uint64_t i = 0; i < kMessages; ++i) Push(writer.Updates(1));
  });
  for (uint64_t next = 1; next <= kMessages;) {
    for (const uint64_t seq : HandleRun()) ASSERT_EQ(seq, next++);
  }
  pusher.join();
}

}  // namespace
}  // namespace weir
