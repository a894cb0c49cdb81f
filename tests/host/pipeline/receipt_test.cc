#include "host/pipeline/receipt.h"

#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace weir {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ReceiptTest : public testing::Test {
 protected:
  Receipt MakeReceipt() {
    return Receipt([this](Outcome outcome) { outcomes_.push_back(outcome); });
  }

  std::vector<Outcome> outcomes_;
};

TEST_F(ReceiptTest, TellsTheSourceOnce) {
  {
    Receipt receipt = MakeReceipt();
    receipt.Complete(Outcome::kAllProcessed);
    receipt.Complete(Outcome::kSomeLost);
  }
  EXPECT_THAT(outcomes_, ElementsAre(Outcome::kAllProcessed));
}

TEST_F(ReceiptTest, SaysLostIfItIsDestroyedUncompleted) {
  { const Receipt receipt = MakeReceipt(); }
  EXPECT_THAT(outcomes_, ElementsAre(Outcome::kSomeLost));
}

TEST_F(ReceiptTest, IsNotCompletedByMovingIt) {
  Receipt receipt = MakeReceipt();
  Receipt moved = std::move(receipt);
  EXPECT_THAT(outcomes_, IsEmpty());
  moved.Complete(Outcome::kAllProcessed);
  EXPECT_THAT(outcomes_, ElementsAre(Outcome::kAllProcessed));
}

TEST_F(ReceiptTest, SaysLostOfWhatIsAssignedOver) {
  Receipt receipt = MakeReceipt();
  receipt = Receipt();
  EXPECT_THAT(outcomes_, ElementsAre(Outcome::kSomeLost));
}

TEST_F(ReceiptTest, NeedsNoSourceAtAll) {
  Receipt receipt;
  receipt.Complete(Outcome::kAllProcessed);
}

}  // namespace
}  // namespace weir
