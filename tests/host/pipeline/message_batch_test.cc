#include "host/pipeline/message_batch.h"

#include <atomic>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/pipeline/message.h"
#include "host/pipeline/receipt.h"
#include "tests/support/test_messages.h"

namespace weir {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class MessageBatchTest : public testing::Test {
 protected:
  MessageBatchRef MakeBatch() {
    return writer_.Updates(
        3, Receipt([this](Outcome o) { outcomes_.push_back(o); }));
  }

  TestTables tables_;
  std::vector<Outcome> outcomes_;
  TestWriter writer_{tables_};
};

TEST_F(MessageBatchTest, CompletesItsReceiptWhenTheLastHolderLetsGo) {
  MessageBatchRef batch = MakeBatch();
  MessageBatch* const held = batch.get();
  held->Hold(5);
  { const MessageBatchRef gone = std::move(batch); }
  held->MarkHandled();
  held->LetGo(3);
  EXPECT_THAT(outcomes_, IsEmpty());
  held->LetGo(2);
  EXPECT_THAT(outcomes_, ElementsAre(Outcome::kAllProcessed));
}

TEST_F(MessageBatchTest, SaysTheWorstThatAnyHolderSaid) {
  const auto let_go = [this](bool handled, bool failed, bool lost) {
    const MessageBatchRef batch = MakeBatch();
    if (handled) batch->MarkHandled();
    if (failed) batch->MarkFailed();
    if (lost) batch->MarkLost();
  };
  let_go(false, false, false);
  let_go(true, false, false);
  let_go(true, true, false);
  let_go(true, true, true);
  let_go(false, false, true);
  EXPECT_THAT(outcomes_, ElementsAre(Outcome::kUnwanted, Outcome::kAllProcessed,
                                     Outcome::kSomeFailed, Outcome::kSomeLost,
                                     Outcome::kSomeLost));
}

TEST_F(MessageBatchTest, IsHeldByOneRefHoweverOftenThatIsMoved) {
  MessageBatchRef a = MakeBatch();
  MessageBatchRef b = std::move(a);
  EXPECT_FALSE(a);  // NOLINT(bugprone-use-after-move): that is the question.
  a = std::move(b);
  EXPECT_TRUE(a);
  EXPECT_THAT(outcomes_, IsEmpty());
  a = MessageBatchRef();
  EXPECT_THAT(outcomes_, ElementsAre(Outcome::kUnwanted));
}

TEST_F(MessageBatchTest, CompletesButKeepsItsMemoryIfToldTo) {
  static const Message* kept = nullptr;  // A root for the leak checker.
  {
    const MessageBatchRef batch = MakeBatch();
    kept = batch->first();
    batch->KeepMemory();
  }
  EXPECT_THAT(outcomes_, ElementsAre(Outcome::kUnwanted));
  EXPECT_EQ(kept->view.seq, 1u);
  EXPECT_EQ(kept->next->payload(), "{}");
}

TEST_F(MessageBatchTest, IsCompletedOnceByHoldersOnManyThreads) {
  std::atomic<int> completed{0};
  for (int round = 0; round < 200; ++round) {
    MessageBatchRef batch =
        writer_.Updates(1, Receipt([&](Outcome) { ++completed; }));
    MessageBatch* const held = batch.get();
    held->Hold(40);
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([held] {
        for (int n = 0; n < 10; ++n) held->LetGo(1);
      });
    }
    batch = MessageBatchRef();
    for (std::thread& thread : threads) thread.join();
    ASSERT_EQ(completed, round + 1);
  }
}

}  // namespace
}  // namespace weir
