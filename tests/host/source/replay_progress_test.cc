#include "host/source/replay_progress.h"

#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/pipeline/receipt.h"
#include "host/source/replay_position.h"
#include "tests/fakes/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class ReplayProgressTest : public testing::Test {
 protected:
  ReplayProgressTest()
      : state_file_(absl::StrCat(
            testing::TempDir(), "/state-",
            testing::UnitTest::GetInstance()->current_test_info()->name())) {
    Begin();
  }

  void Begin() {
    progress_ = std::make_shared<ReplayProgress>(state_file_, clock_);
  }

  // Receipts for batches that end after 100, 200, ... bytes.
  std::vector<Receipt> HandOut(int count) {
    std::vector<Receipt> receipts;
    for (uint64_t i = 1; i <= static_cast<uint64_t>(count); ++i) {
      receipts.push_back(progress_->HandOut({.offset = i * 100, .lines = i}));
    }
    return receipts;
  }

  // What a new host would begin with.
  uint64_t StoredOffset() {
    return std::make_shared<ReplayProgress>(state_file_, clock_)
        ->Load()
        ->offset;
  }

  FakeClock clock_;
  const std::string state_file_;
  std::shared_ptr<ReplayProgress> progress_;
};

TEST_F(ReplayProgressTest, MovesOnlyUpToTheOldestBatchThatIsHeld) {
  std::vector<Receipt> receipts = HandOut(3);
  receipts[2].Complete(Outcome::kAllProcessed);
  receipts[1].Complete(Outcome::kAllProcessed);
  EXPECT_EQ(progress_->committed().offset, 0u);
  receipts[0].Complete(Outcome::kAllProcessed);
  EXPECT_EQ(progress_->committed().offset, 300u);
  EXPECT_EQ(progress_->commits(), 3u);
}

TEST_F(ReplayProgressTest, SavesOnceASecondAndWhenItDies) {
  std::vector<Receipt> receipts = HandOut(3);
  receipts[0].Complete(Outcome::kAllProcessed);
  EXPECT_EQ(StoredOffset(), 0u);
  clock_.Advance(absl::Seconds(1));
  receipts[1].Complete(Outcome::kAllProcessed);
  EXPECT_EQ(StoredOffset(), 200u);
  receipts[2].Complete(Outcome::kAllProcessed);
  EXPECT_EQ(StoredOffset(), 200u);
  progress_.reset();
  EXPECT_EQ(StoredOffset(), 300u);
}

TEST_F(ReplayProgressTest, LivesAsLongAsItsReceipts) {
  std::vector<Receipt> receipts = HandOut(1);
  progress_.reset();
  receipts[0].Complete(Outcome::kAllProcessed);
  EXPECT_EQ(StoredOffset(), 100u);
}

TEST_F(ReplayProgressTest, SavesAtOnceWhenAllIsDoneAfterTheEnd) {
  std::vector<Receipt> receipts = HandOut(1);
  progress_->SetFinished();
  receipts[0].Complete(Outcome::kAllProcessed);
  EXPECT_EQ(StoredOffset(), 100u);
}

TEST_F(ReplayProgressTest, CommitsWhatAPolicyDropped) {
  std::vector<Receipt> receipts = HandOut(1);
  receipts[0].Complete(Outcome::kSomeLost);
  EXPECT_EQ(progress_->committed().offset, 100u);
}

TEST_F(ReplayProgressTest, DoesNotCommitWhatAStoppingHostThrowsAway) {
  {
    std::vector<Receipt> receipts = HandOut(2);
    receipts[0].Complete(Outcome::kAllProcessed);
    progress_->SetInterrupted(true);
  }
  EXPECT_EQ(progress_->committed().offset, 100u);
  progress_->SetInterrupted(false);
  EXPECT_EQ(progress_->committed().offset, 200u) << "it was only paused";
}

TEST_F(ReplayProgressTest, BeginsAtTheBeginningWithoutAFile) {
  EXPECT_THAT(progress_->Load(), IsOkAndHolds(ReplayPosition{}));
}

TEST_F(ReplayProgressTest, SaysWhichFileItCannotUnderstandAndWhatToDo) {
  std::ofstream(state_file_) << "{\"loop\":0,\"offset\":12x,\"lines\":0}\n";
  EXPECT_THAT(progress_->Load(),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr(state_file_), HasSubstr("delete"))));
}

TEST_F(ReplayProgressTest, CountsWhatItCouldNotWrite) {
  progress_ =
      std::make_shared<ReplayProgress>("/nonexistent/folder/state", clock_);
  std::vector<Receipt> receipts = HandOut(1);
  clock_.Advance(absl::Seconds(1));
  receipts[0].Complete(Outcome::kAllProcessed);
  EXPECT_EQ(progress_->commit_errors(), 1u);
}

}  // namespace
}  // namespace weir
