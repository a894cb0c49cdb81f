#include "host/dispatch/dispatcher.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/dispatch/books_source.h"
#include "host/pipeline/books.h"
#include "host/pipeline/handler_registry.h"
#include "host/pipeline/handler_stats.h"
#include "host/pipeline/message_batch.h"
#include "host/pipeline/name_table.h"
#include "host/pipeline/receipt.h"
#include "host/sync/mutex.h"
#include "host/sync/system_clock.h"
#include "tests/fakes/fake_handler.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_messages.h"

namespace weir {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class DispatcherTest : public testing::Test {
 protected:
  // Adds a handler that records what it is given.
  std::shared_ptr<FakeHandlerRecord> Add(HandlerOptions options,
                                         const FakeHandlerScript& script = {}) {
    auto record = std::make_shared<FakeHandlerRecord>();
    const absl::StatusOr<int64_t> added = dispatcher_.AddHandler(
        std::move(options), std::make_unique<FakeHandler>(record, script));
    EXPECT_THAT(added, IsOk());
    return record;
  }

  // Waits until all that was dispatched is handled.
  void Drain() { ASSERT_TRUE(dispatcher_.Drain(absl::InfiniteDuration())); }

  Books BooksOf(absl::string_view name) {
    const absl::StatusOr<HandlerStats> stats = dispatcher_.Stats(name);
    EXPECT_THAT(stats, IsOk());
    EXPECT_TRUE(stats->books.Balance());
    return stats->books;
  }

  TestTables tables_;
  TestWriter writer_{tables_};
  SystemClock clock_;
  Dispatcher dispatcher_{tables_.types, tables_.sources, tables_.pool, clock_};
};

TEST_F(DispatcherTest, GivesEachMessageToEveryHandlerThatWantsIt) {
  const auto all = Add({.name = "all"});
  const auto some = Add({.name = "some"}, {.wants = {"STATE", "OPEN"}});
  dispatcher_.Dispatch(
      writer_.Batch({"UPDATE", "STATE", "OPEN", "NOTIFICATION", "KEEPALIVE"}));
  Drain();
  EXPECT_THAT(all->seqs(), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_THAT(some->seqs(), ElementsAre(2, 3));
  EXPECT_EQ(BooksOf("some").not_wanted, 3u);
  EXPECT_EQ(BooksOf("some").processed_ok, 2u);
}

TEST_F(DispatcherTest, KeepsTheOrder) {
  const auto record =
      Add({.name = "h", .policy = QueuePolicy::kBlock}, {.capacity = 100});
  for (int i = 0; i < 100; ++i) dispatcher_.Dispatch(writer_.Updates(300));
  Drain();
  const std::vector<uint64_t> seqs = record->seqs();
  ASSERT_THAT(seqs, SizeIs(30'000));
  for (uint64_t i = 0; i < seqs.size(); ++i) ASSERT_EQ(seqs[i], i + 1);
}

TEST_F(DispatcherTest, CallsAHandlerFromOneThreadOnly) {
  const auto record = Add({.name = "h"});
  dispatcher_.Dispatch(writer_.Batch({"UPDATE", "NEW"}));
  Drain();
  EXPECT_THAT(dispatcher_.RemoveHandler("h", absl::ZeroDuration()), IsOk());
  EXPECT_THAT(record->threads(), SizeIs(1));
  EXPECT_THAT(record->threads(), Not(Contains(std::this_thread::get_id())));
  EXPECT_EQ(record->created(), 1);
  EXPECT_EQ(record->destroyed(), 1);
}

TEST_F(DispatcherTest, AsksForEachTypeOnce) {
  const auto record = Add({.name = "h"});
  for (int i = 0; i < 10; ++i) {
    dispatcher_.Dispatch(writer_.Batch({"UPDATE", "NEW", "NEWER"}));
  }
  Drain();
  EXPECT_THAT(record->asked(),
              ElementsAre("OTHER", "RAW", "UPDATE", "KEEPALIVE", "STATE",
                          "OPEN", "NOTIFICATION", "NEW", "NEWER"));
  EXPECT_THAT(record->seqs(), SizeIs(30));
}

TEST_F(DispatcherTest, DeliversAnUnknownTypeOnlyToHandlersThatWantIt) {
  const auto yes = Add({.name = "yes"}, {.wants = {"UPDATE", "NEW"}});
  const auto no = Add({.name = "no"}, {.wants = {"UPDATE"}});
  dispatcher_.Dispatch(writer_.Batch({"UPDATE", "NEW", "UPDATE", "NEW"}));
  Drain();
  EXPECT_THAT(yes->seqs(), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(no->seqs(), ElementsAre(1, 3));
  EXPECT_EQ(BooksOf("no").not_wanted, 2u);
  EXPECT_THAT(dispatcher_.Stats("yes")->wanted_types,
              ElementsAre("UPDATE", "NEW"));
}

TEST_F(DispatcherTest,
       GivesRawMessagesToNobodyElseAndKeepsThemOutOfTheirBooks) {
  const auto tap = Add({.name = "tap"}, {.wants = {"RAW"}});
  EXPECT_TRUE(dispatcher_.Wanted(kTypeRaw));
  const auto other = Add({.name = "other"});
  dispatcher_.Dispatch(writer_.Batch({"RAW", "UPDATE"}));
  Drain();
  EXPECT_THAT(tap->seqs(), ElementsAre(1));
  EXPECT_THAT(other->seqs(), ElementsAre(2));
  EXPECT_EQ(BooksOf("other").offered, 1u);
}

TEST_F(DispatcherTest, SaysThatNobodyWantsRawMessages) {
  EXPECT_FALSE(dispatcher_.Wanted(kTypeRaw));
  Add({.name = "other"});
  EXPECT_FALSE(dispatcher_.Wanted(kTypeRaw));
  EXPECT_TRUE(dispatcher_.Wanted(kTypeUpdate));
}

TEST_F(DispatcherTest, OffersAHandlerOnlyMessagesOfItsSources) {
  const auto record = Add({.name = "h", .sources = {"later", "test"}});
  const auto foreign = Add({.name = "f", .sources = {"later"}});
  TestWriter later(tables_, "later", 100);
  TestWriter other(tables_, "other", 200);
  dispatcher_.Dispatch(writer_.Updates(1));
  dispatcher_.Dispatch(later.Updates(1));
  dispatcher_.Dispatch(other.Updates(1));
  Drain();
  EXPECT_THAT(record->seqs(), ElementsAre(1, 100));
  EXPECT_THAT(foreign->seqs(), ElementsAre(100));
  EXPECT_EQ(BooksOf("f").offered, 1u);
}

TEST_F(DispatcherTest, CountsErrorsAndThrowsAndGoesOn) {
  const auto record =
      Add({.name = "h"}, {.errors_at = {2, 5}, .throws_at = {3, 4, 9}});
  dispatcher_.Dispatch(writer_.Updates(10));
  Drain();
  EXPECT_THAT(record->seqs(), ElementsAre(1, 2, 3, 4, 5, 6, 7, 8, 9, 10));
  EXPECT_EQ(BooksOf("h").processed_ok, 5u);
  EXPECT_EQ(BooksOf("h").processed_error, 5u);
}

TEST_F(DispatcherTest, TakesAThrowInWantsMessageForANo) {
  Add({.name = "h"}, {.throws_at_wants = true});
  dispatcher_.Dispatch(writer_.Batch({"UPDATE", "NEW"}));
  Drain();
  EXPECT_EQ(BooksOf("h").not_wanted, 2u);
}

TEST_F(DispatcherTest, RefusesACapacityThatHoldsNothing) {
  for (const int64_t capacity : {int64_t{0}, int64_t{-1}, INT64_MIN}) {
    const auto record = std::make_shared<FakeHandlerRecord>();
    EXPECT_THAT(dispatcher_.AddHandler(
                    {.name = "h"},
                    std::make_unique<FakeHandler>(
                        record, FakeHandlerScript{.capacity = capacity})),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("queue capacity " +
                                   std::to_string(capacity) + ";")));
    EXPECT_EQ(record->destroyed(), 1);
  }
  Add({.name = "h"});  // The name is free again.
}

TEST_F(DispatcherTest, TakesTheCapacityThatTheHandlerAsksForWithinTheLimit) {
  struct Case {
    const char* why;
    int64_t asked;
    uint32_t operators;
    uint32_t limit;
    uint32_t want;
  };
  for (const Case& c : std::vector<Case>{
           {"as asked", 100, 0, 1000, 100},
           {"clamped", 1001, 0, 1000, 1000},
           {"clamped, and far from there", INT64_MAX, 0, 1'048'576, 1'048'576},
           {"the operator's word counts", 100, 7, 1000, 7},
           {"the operator's is clamped too", 100, 5000, 1000, 1000},
       }) {
    const auto record = std::make_shared<FakeHandlerRecord>();
    EXPECT_THAT(
        dispatcher_.AddHandler(
            {.name = "h", .capacity = c.operators, .max_capacity = c.limit},
            std::make_unique<FakeHandler>(
                record, FakeHandlerScript{.capacity = c.asked})),
        IsOkAndHolds(c.asked))
        << c.why;
    EXPECT_EQ(dispatcher_.Stats("h")->capacity, c.want) << c.why;
    EXPECT_THAT(dispatcher_.RemoveHandler("h", absl::ZeroDuration()), IsOk());
  }
}

TEST_F(DispatcherTest, RefusesWhatCanNotBeCreatedWithItsOwnError) {
  const auto record = std::make_shared<FakeHandlerRecord>();
  EXPECT_THAT(
      dispatcher_.AddHandler(
          {.name = "h"},
          std::make_unique<FakeHandler>(
              record, FakeHandlerScript{.create_status =
                                            absl::NotFoundError("no table")})),
      StatusIs(absl::StatusCode::kNotFound, "no table"));
  EXPECT_EQ(record->destroyed(), 0);
}

TEST_F(DispatcherTest, RefusesANameInUseAndAnUnknownOne) {
  Add({.name = "h"});
  EXPECT_THAT(dispatcher_.AddHandler(
                  {.name = "h"}, std::make_unique<FakeHandler>(
                                     std::make_shared<FakeHandlerRecord>())),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("named h")));
  EXPECT_THAT(dispatcher_.RemoveHandler("x", absl::ZeroDuration()),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("named x")));
  EXPECT_THAT(dispatcher_.Stats("x"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("named x")));
}

TEST_F(DispatcherTest, AbandonsAHandlerThatIsNotReadyByItsDeadline) {
  const auto record = std::make_shared<FakeHandlerRecord>();
  record->create_gate.Shut();
  EXPECT_THAT(dispatcher_.AddHandler(
                  {.name = "h", .create_deadline = absl::Milliseconds(10)},
                  std::make_unique<FakeHandler>(record)),
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("10ms")));
  Add({.name = "h"});  // The name is free.
  record->create_gate.Open();
}

TEST_F(DispatcherTest, FinishesWhatIsQueuedBeforeItRemovesAHandler) {
  const auto record = Add({.name = "h"});
  record->message_gate.Shut();
  dispatcher_.Dispatch(writer_.Updates(50));
  std::thread remover([&] {
    EXPECT_THAT(dispatcher_.RemoveHandler("h", absl::InfiniteDuration()),
                IsOkAndHolds(0u));
  });
  record->message_gate.Open();
  remover.join();
  EXPECT_THAT(record->seqs(), SizeIs(50));
  EXPECT_EQ(record->destroyed(), 1);
}

TEST_F(DispatcherTest, DiscardsWhatIsQueuedWhenTheDrainIsOver) {
  const auto record = Add({.name = "h"});
  record->message_gate.Shut();
  std::vector<Outcome> outcomes;
  dispatcher_.Dispatch(
      writer_.Updates(50, Receipt([&](Outcome o) { outcomes.push_back(o); })));
  record->message_gate.WaitForSomebody();
  absl::StatusOr<uint64_t> discarded;
  std::thread remover([&] {
    discarded = dispatcher_.RemoveHandler("h", absl::ZeroDuration());
  });
  while (BooksOf("h").discarded_on_unload == 0) std::this_thread::yield();
  record->message_gate.Open();
  remover.join();
  EXPECT_THAT(discarded, IsOkAndHolds(49u)) << "the first run is one message";
  EXPECT_THAT(record->seqs(), ElementsAre(1));
  EXPECT_THAT(outcomes, ElementsAre(Outcome::kSomeLost));
}

TEST_F(DispatcherTest, AbandonsAHandlerThatHangsAndStaysResponsive) {
  const auto record =
      Add({.name = "h", .policy = QueuePolicy::kBlock}, {.capacity = 2});
  record->message_gate.Shut();
  std::optional<Outcome> outcome;
  std::thread source([&] {
    dispatcher_.Dispatch(TestWriter(tables_).Updates(
        5, Receipt([&](Outcome o) { outcome = o; })));
  });
  record->message_gate.WaitForSomebody();
  while (!dispatcher_.Stats("h")->blocking) std::this_thread::yield();
  EXPECT_GT(dispatcher_.Stats("h")->busy_for, absl::ZeroDuration());

  EXPECT_THAT(dispatcher_.RemoveHandler("h", absl::ZeroDuration()),
              IsOkAndHolds(1u));
  source.join();
  EXPECT_EQ(outcome, Outcome::kSomeLost);
  EXPECT_EQ(dispatcher_.total_dropped(), 3u);
  const auto next = Add({.name = "h"});
  dispatcher_.Dispatch(writer_.Updates(1));
  Drain();
  EXPECT_THAT(next->seqs(), SizeIs(1));

  record->message_gate.Open();
  record->WaitForHandled(1);
  EXPECT_EQ(record->destroyed(), 0) << "nobody knows what state it is in";
}

TEST_F(DispatcherTest, LetsASlowHandlerDelayNoFastOne) {
  const auto slow = Add({.name = "slow"}, {.capacity = 10});
  const auto fast = Add({.name = "fast"}, {.capacity = 10'000});
  slow->message_gate.Shut();
  for (int i = 0; i < 10; ++i) dispatcher_.Dispatch(writer_.Updates(100));
  fast->WaitForHandled(1000);
  EXPECT_THAT(slow->seqs(), IsEmpty());
  EXPECT_GE(BooksOf("slow").dropped(), 990u);
  slow->message_gate.Open();
}

TEST_F(DispatcherTest, HoldsTheSourceUpWhileABlockingHandlerIsFull) {
  const auto record =
      Add({.name = "h", .policy = QueuePolicy::kBlock}, {.capacity = 1});
  const auto other = Add({.name = "other"});
  record->message_gate.Shut();
  std::thread source([&] {
    TestWriter writer(tables_);
    for (int i = 0; i < 100; ++i) dispatcher_.Dispatch(writer.Updates(3));
  });
  while (!dispatcher_.Stats("h")->blocking) std::this_thread::yield();
  EXPECT_LT(BooksOf("other").offered, 300u);
  record->message_gate.Open();
  source.join();
  Drain();
  EXPECT_THAT(record->seqs(), SizeIs(300));
  EXPECT_EQ(BooksOf("h").dropped(), 0u);
  EXPECT_GT(dispatcher_.Stats("h")->blocked_time, absl::ZeroDuration());
  EXPECT_FALSE(dispatcher_.Stats("h")->blocking);
}

TEST_F(DispatcherTest, LetsTheBlockedSourceGoOnClose) {
  const auto record =
      Add({.name = "h", .policy = QueuePolicy::kBlock}, {.capacity = 1});
  record->message_gate.Shut();
  std::thread source([&] {
    TestWriter writer(tables_);
    for (int i = 0; i < 100; ++i) dispatcher_.Dispatch(writer.Updates(3));
  });
  while (!dispatcher_.Stats("h")->blocking) std::this_thread::yield();
  dispatcher_.Close();
  source.join();
  EXPECT_EQ(BooksOf("h").dropped_not_running, 299u);
  record->message_gate.Open();
  Drain();
  EXPECT_THAT(record->seqs(), ElementsAre(1));
}

TEST_F(DispatcherTest, LetsTheBlockedSourceGoWhenTheHandlerIsRemoved) {
  const auto record =
      Add({.name = "h", .policy = QueuePolicy::kBlock}, {.capacity = 1});
  record->message_gate.Shut();
  std::thread source([&] { dispatcher_.Dispatch(writer_.Updates(10)); });
  while (!dispatcher_.Stats("h")->blocking) std::this_thread::yield();
  std::thread remover([&] {
    EXPECT_THAT(dispatcher_.RemoveHandler("h", absl::InfiniteDuration()),
                IsOkAndHolds(0u));
  });
  source.join();
  record->message_gate.Open();
  remover.join();
  EXPECT_THAT(record->seqs(), ElementsAre(1));
  EXPECT_EQ(dispatcher_.total_dropped(), 9u);
}

TEST_F(DispatcherTest, CompletesAReceiptOnceWhenTheLastHandlerIsDone) {
  const auto one = Add({.name = "one"});
  const auto other = Add({.name = "other"});
  other->message_gate.Shut();
  Mutex mu;
  std::vector<Outcome> outcomes;
  dispatcher_.Dispatch(writer_.Updates(3, Receipt([&](Outcome o) {
                                         MutexLock lock(&mu);
                                         outcomes.push_back(o);
                                       })));
  one->WaitForHandled(3);
  {
    MutexLock lock(&mu);
    EXPECT_THAT(outcomes, IsEmpty());
  }
  other->message_gate.Open();
  Drain();
  MutexLock lock(&mu);
  EXPECT_THAT(outcomes, ElementsAre(Outcome::kAllProcessed));
}

TEST_F(DispatcherTest, CompletesAReceiptAtOnceIfNobodyWantsTheBatch) {
  std::vector<Outcome> outcomes;
  const auto receipt = [&] {
    return Receipt([&](Outcome o) { outcomes.push_back(o); });
  };
  dispatcher_.Dispatch(writer_.Updates(3, receipt()));
  Add({.name = "h"}, {.wants = {"STATE"}});
  dispatcher_.Dispatch(writer_.Updates(3, receipt()));
  EXPECT_THAT(outcomes, Each(Eq(Outcome::kUnwanted)));
  EXPECT_THAT(outcomes, SizeIs(2));
}

TEST_F(DispatcherTest, RunsReceiptsWithoutAnyLock) {
  Add({.name = "h", .policy = QueuePolicy::kDropOldest}, {.capacity = 1});
  std::atomic<int> asked = 0;
  for (int i = 0; i < 100; ++i) {
    dispatcher_.Dispatch(writer_.Updates(3, Receipt([&](Outcome) {
                                           BooksOf("h");
                                           dispatcher_.total_dropped();
                                           ++asked;
                                         })));
  }
  Drain();
  EXPECT_EQ(asked, 100);
}

TEST_F(DispatcherTest, DropsAsNotRunningAfterCloseAndSaysSoToTheSource) {
  const auto record = Add({.name = "h"});
  dispatcher_.Close();
  std::vector<Outcome> outcomes;
  dispatcher_.Dispatch(
      writer_.Updates(3, Receipt([&](Outcome o) { outcomes.push_back(o); })));
  EXPECT_THAT(outcomes, ElementsAre(Outcome::kSomeLost));
  EXPECT_EQ(BooksOf("h").dropped_not_running, 3u);
  EXPECT_THAT(
      dispatcher_.AddHandler(
          {.name = "late"},
          std::make_unique<FakeHandler>(std::make_shared<FakeHandlerRecord>())),
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("stopping")));
}

TEST_F(DispatcherTest, CountsDropsOfHandlersThatAreGone) {
  const auto record =
      Add({.name = "h", .policy = QueuePolicy::kDropNewest}, {.capacity = 1});
  record->message_gate.Shut();
  dispatcher_.Dispatch(writer_.Updates(5));
  const uint64_t dropped = dispatcher_.total_dropped();
  EXPECT_EQ(dropped, 4u);
  record->message_gate.Open();
  EXPECT_THAT(dispatcher_.RemoveHandler("h", absl::InfiniteDuration()), IsOk());
  EXPECT_EQ(dispatcher_.total_dropped(), 4u);
}

TEST_F(DispatcherTest, TellsTheStatisticsOfAHandler) {
  const auto record = Add({.name = "h"}, {.capacity = 100});
  EXPECT_EQ(dispatcher_.Stats("h")->last_drop, absl::InfinitePast());
  dispatcher_.Dispatch(writer_.Updates(40));
  Drain();
  const absl::StatusOr<HandlerStats> stats = dispatcher_.Stats("h");
  ASSERT_THAT(stats, IsOk());
  EXPECT_EQ(stats->capacity, 100u);
  EXPECT_GE(stats->high_water, 1u);
  EXPECT_EQ(stats->queued_bytes, 0u);
  EXPECT_EQ(stats->handle.count, 40u);
  EXPECT_EQ(stats->queue_age.count, 40u);
  EXPECT_GT(stats->messages_per_second, 0);
  EXPECT_GT(stats->cpu_seconds, 0);
  EXPECT_EQ(stats->busy_for, absl::ZeroDuration());
  record->message_gate.Shut();
  dispatcher_.Dispatch(writer_.Updates(150));
  record->message_gate.WaitForSomebody();
  EXPECT_NE(dispatcher_.Stats("h")->last_drop, absl::InfinitePast());
  EXPECT_GT(dispatcher_.Stats("h")->queued_bytes, 0u);
  EXPECT_GT(dispatcher_.Stats("h")->oldest_queued, absl::ZeroDuration());
  record->message_gate.Open();
}

TEST_F(DispatcherTest, CollectsTheFinalBooksOfARemovedHandlerOnce) {
  Add({.name = "h"});
  dispatcher_.Dispatch(writer_.Updates(2));
  EXPECT_THAT(dispatcher_.RemoveHandler("h", absl::InfiniteDuration()), IsOk());
  Add({.name = "h"});
  const std::vector<SlotBooks> all = dispatcher_.CollectBooks();
  ASSERT_THAT(all, SizeIs(2));
  EXPECT_TRUE(all[0].final);
  EXPECT_EQ(all[0].books.processed_ok, 2u);
  EXPECT_FALSE(all[1].final);
  EXPECT_NE(all[0].id, all[1].id);
  EXPECT_THAT(dispatcher_.CollectBooks(), SizeIs(1));
}

}  // namespace
}  // namespace weir
