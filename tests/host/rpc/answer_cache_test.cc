#include "host/rpc/answer_cache.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class AnswerCacheTest : public testing::Test {
 protected:
  // Begins; what the waiter gets goes into `answers_`.
  bool Begin(const char* method, const char* request_id) {
    return cache_.Begin(method, request_id,
                        [this](const absl::StatusOr<std::string>& answer) {
                          answers_.push_back(answer);
                        });
  }

  FakeClock clock_;
  AnswerCache cache_{clock_};
  std::vector<absl::StatusOr<std::string>> answers_;
};

TEST_F(AnswerCacheTest, ARepeatWaitsForTheFirstToSettle) {
  EXPECT_TRUE(Begin("Load", "1"));
  EXPECT_FALSE(Begin("Load", "1"));
  EXPECT_FALSE(Begin("Load", "1"));
  EXPECT_THAT(answers_, IsEmpty());
  cache_.Settle("Load", "1", "done");
  EXPECT_THAT(answers_,
              ElementsAre(IsOkAndHolds("done"), IsOkAndHolds("done")));
}

TEST_F(AnswerCacheTest, ARepeatAfterThatIsAnsweredAtOnce) {
  EXPECT_TRUE(Begin("Load", "1"));
  cache_.Settle("Load", "1", "done");
  EXPECT_FALSE(Begin("Load", "1"));
  EXPECT_THAT(answers_, ElementsAre(IsOkAndHolds("done")));
  clock_.Advance(AnswerCache::kKeepFor + absl::Seconds(1));
  EXPECT_TRUE(Begin("Load", "1"));
}

TEST_F(AnswerCacheTest, AnErrorIsForThoseWhoWaitAndIsNotKept) {
  EXPECT_TRUE(Begin("Load", "1"));
  EXPECT_FALSE(Begin("Load", "1"));
  cache_.Settle("Load", "1", absl::UnavailableError("not now"));
  EXPECT_THAT(answers_,
              ElementsAre(StatusIs(absl::StatusCode::kUnavailable, "not now")));
  EXPECT_TRUE(Begin("Load", "1"));
}

TEST_F(AnswerCacheTest, AnErrorIsKeptIfItTellsOfWhatWasDone) {
  EXPECT_TRUE(Begin("Load", "1"));
  cache_.Settle("Load", "1", absl::UnavailableError("half done"), true);
  EXPECT_FALSE(Begin("Load", "1"));
  EXPECT_THAT(answers_, ElementsAre(StatusIs(absl::StatusCode::kUnavailable,
                                             "half done")));
  EXPECT_EQ(cache_.Find("Load", "1"), std::nullopt);
  clock_.Advance(AnswerCache::kKeepFor + absl::Seconds(1));
  EXPECT_TRUE(Begin("Load", "1"));
}

TEST_F(AnswerCacheTest, OthersActForThemselves) {
  EXPECT_TRUE(Begin("Load", "1"));
  EXPECT_TRUE(Begin("Unload", "1"));
  EXPECT_TRUE(Begin("Load", "2"));
  EXPECT_TRUE(Begin("Load", ""));
  EXPECT_TRUE(Begin("Load", ""));
  cache_.Settle("Load", "", "done");
  EXPECT_TRUE(Begin("Load", ""));
  EXPECT_THAT(answers_, IsEmpty());
}

TEST_F(AnswerCacheTest, WhatWasDoneAtOnceIsFound) {
  EXPECT_EQ(cache_.Find("Pause", "1"), std::nullopt);
  cache_.Keep("Pause", "1", "done");
  cache_.Keep("Pause", "1", "again");
  EXPECT_EQ(cache_.Find("Pause", "1"), "done");
}

TEST_F(AnswerCacheTest, LongAnswersPushTheOldestOutSooner) {
  const std::string half(AnswerCache::kMaxBytes / 2, 'x');
  cache_.Keep("M", "1", half);
  cache_.Keep("M", "2", "short");
  EXPECT_TRUE(cache_.Find("M", "1").has_value());
  cache_.Keep("M", "3", half);
  EXPECT_FALSE(cache_.Find("M", "1").has_value());
  EXPECT_EQ(cache_.Find("M", "2"), "short");
  EXPECT_TRUE(cache_.Find("M", "3").has_value());
}

}  // namespace
}  // namespace weir
