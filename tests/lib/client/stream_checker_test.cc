#include "lib/client/stream_checker.h"

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "weir/v1/event.pb.h"

namespace weir {
namespace {

using client::StreamChecker;
using testing::HasSubstr;
using weir::v1::SubscribeResponse;

SubscribeResponse Message(uint64_t batch_index) {
  SubscribeResponse response;
  response.set_batch_index(batch_index);
  response.set_cursor("e-1");
  return response;
}

SubscribeResponse Hello(const std::string& epoch) {
  SubscribeResponse response = Message(1);
  response.mutable_hello()->set_epoch(epoch);
  return response;
}

weir::v1::Event EventAt(uint64_t seq) {
  weir::v1::Event event;
  event.set_seq(seq);
  return event;
}

class StreamCheckerTest : public testing::Test {
 protected:
  void Begin(const std::string& epoch) {
    checker_.Begin();
    ASSERT_THAT(checker_.Check(Hello(epoch)), IsOk());
  }

  StreamChecker checker_;
};

TEST_F(StreamCheckerTest, RefusesAMessageThatWasRepeated) {
  Begin("e");
  ASSERT_THAT(checker_.Check(Message(2)), IsOk());
  EXPECT_THAT(checker_.Check(Message(2)),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("batch_index 2 where 3 was due")));
}

TEST_F(StreamCheckerTest, RefusesAMessageAfterOneThatIsMissing) {
  Begin("e");
  EXPECT_THAT(checker_.Check(Message(3)),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("batch_index 3 where 2 was due")));
}

TEST_F(StreamCheckerTest, RefusesAStreamThatDoesNotBeginWithHello) {
  EXPECT_THAT(checker_.Check(Message(1)),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("hello")));
}

TEST_F(StreamCheckerTest, RefusesASecondHello) {
  Begin("e");
  SubscribeResponse response = Hello("e");
  response.set_batch_index(2);
  EXPECT_THAT(checker_.Check(response),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("hello")));
}

TEST_F(StreamCheckerTest, RefusesAMessageWithoutACursor) {
  Begin("e");
  SubscribeResponse response = Message(2);
  response.clear_cursor();
  EXPECT_THAT(checker_.Check(response),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("cursor")));
}

TEST_F(StreamCheckerTest, CountsEachStreamFromOne) {
  Begin("e");
  ASSERT_THAT(checker_.Check(Message(2)), IsOk());
  Begin("e");
  EXPECT_THAT(checker_.Check(Message(2)), IsOk());
}

TEST_F(StreamCheckerTest, KnowsAnEventThatComesAgainOnALaterStream) {
  Begin("e");
  EXPECT_TRUE(checker_.IsNew(EventAt(7)));
  Begin("e");
  EXPECT_FALSE(checker_.IsNew(EventAt(6)));
  EXPECT_FALSE(checker_.IsNew(EventAt(7)));
  EXPECT_TRUE(checker_.IsNew(EventAt(8)));
}

TEST_F(StreamCheckerTest, TakesLowerNumbersOfANewEpoch) {
  Begin("e");
  EXPECT_TRUE(checker_.IsNew(EventAt(7)));
  Begin("f");
  EXPECT_TRUE(checker_.IsNew(EventAt(1)));
}

TEST_F(StreamCheckerTest, TakesLowerNumbersAfterALogThatLostItsTail) {
  Begin("e");
  EXPECT_TRUE(checker_.IsNew(EventAt(7)));
  Begin("e");
  SubscribeResponse gap = Message(2);
  gap.mutable_gap()->set_reason(
      SubscribeResponse::Gap::REASON_POSITION_IN_FUTURE);
  ASSERT_THAT(checker_.Check(gap), IsOk());
  EXPECT_TRUE(checker_.IsNew(EventAt(3)));
}

TEST_F(StreamCheckerTest, StillKnowsWhatItSawAfterAGapOfRetention) {
  Begin("e");
  EXPECT_TRUE(checker_.IsNew(EventAt(7)));
  SubscribeResponse gap = Message(2);
  gap.mutable_gap()->set_reason(SubscribeResponse::Gap::REASON_RETENTION);
  ASSERT_THAT(checker_.Check(gap), IsOk());
  EXPECT_FALSE(checker_.IsNew(EventAt(7)));
}

}  // namespace
}  // namespace weir
