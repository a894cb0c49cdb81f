#include "host/source/steward_schedules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "host/source/steward_processes.h"
#include "lib/steward/message.h"
#include "lib/steward/profile.h"
#include "lib/steward/refusal.h"
#include "tests/fakes/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kEver = std::numeric_limits<int64_t>::max();

class StewardSchedulesTest : public ::testing::Test {
 protected:
  static steward::Message Scheduled(std::vector<int64_t> schedule,
                                    int64_t id = 1) {
    steward::Message message;
    message.from_node = "node1";
    message.id = id;
    message.method = "REQPing";
    message.schedule = std::move(schedule);
    return message;
  }

  absl::Status Begin(const steward::Message& message,
                     const std::string& bytes = "bytes") {
    return schedules_.Begin(message, bytes, *processes_->FindMethod("REQPing"));
  }

  // At which of the next seconds something was due, and nothing between.
  std::vector<int> DueWithin(int seconds) {
    std::vector<int> due;
    for (int i = 1; i <= seconds; ++i) {
      clock_.Advance(absl::Milliseconds(999));
      EXPECT_FALSE(schedules_.TakeDue().has_value());
      clock_.Advance(absl::Milliseconds(1));
      while (schedules_.TakeDue().has_value()) due.push_back(i);
    }
    return due;
  }

  FakeClock clock_;
  const std::shared_ptr<StewardProcesses> processes_ =
      std::make_shared<StewardProcesses>(
          StewardNode{
              .name = "central",
              .processes = {{.method = "REQPing", .stop_on_error = true}}},
          clock_);
  StewardSchedules schedules_{processes_, clock_};
};

TEST_F(StewardSchedulesTest, RepeatsBeforeItsTimeHasPassed) {
  for (const auto& [schedule, due] :
       std::vector<std::pair<std::vector<int64_t>, std::vector<int>>>{
           {{2, 6}, {2, 4}},
           {{2, 7}, {2, 4, 6}},
           {{1, 2}, {1}},
           {{3, 3}, {}},
           {{5, 3}, {}},
           {{1, 0}, {}},
           {{}, {}},
           {{kEver, kEver}, {}},
           {{kEver, 5}, {}},
           {{4, 8}, {4}}}) {
    ASSERT_THAT(Begin(Scheduled(schedule)), IsOk());
    EXPECT_EQ(schedules_.counts().current, due.empty() ? 0u : 1u);
    EXPECT_EQ(DueWithin(10), due);
    EXPECT_EQ(schedules_.counts().current, 0u);
    EXPECT_EQ(schedules_.UntilNext(), absl::InfiniteDuration());
  }
  ASSERT_THAT(Begin(steward::Message()), IsOk());
  EXPECT_EQ(schedules_.counts().current, 0u);
  EXPECT_EQ(schedules_.counts().repeated, 7u);
  EXPECT_EQ(schedules_.counts().missed, 0u);
}

TEST_F(StewardSchedulesTest, HandsOutWhatCame) {
  clock_.Advance(absl::Hours(1));
  ASSERT_THAT(Begin(Scheduled({2, kEver}), "the message"), IsOk());
  EXPECT_EQ(schedules_.UntilNext(), absl::Seconds(2));
  clock_.Advance(absl::Milliseconds(500));
  EXPECT_EQ(schedules_.UntilNext(), absl::Milliseconds(1500));
  clock_.Advance(absl::Seconds(2));
  EXPECT_EQ(schedules_.UntilNext(), absl::Milliseconds(-500));
  const std::optional<StewardSchedules::Due> due = schedules_.TakeDue();
  ASSERT_TRUE(due.has_value());
  EXPECT_EQ(due->subject, "central.REQPing.EventACK");
  EXPECT_EQ(*due->message, "the message");
  EXPECT_EQ(due->run, processes_->FindMethod("REQPing")->run);
  EXPECT_TRUE(due->stop_on_error);
  // By when it came, not by when it was taken.
  EXPECT_EQ(schedules_.UntilNext(), absl::Milliseconds(1500));
}

TEST_F(StewardSchedulesTest, LeavesOutWhatNobodyTookInTime) {
  ASSERT_THAT(Begin(Scheduled({2, 20})), IsOk());
  clock_.Advance(absl::Seconds(9));  // 2, 4, 6, 8.
  EXPECT_TRUE(schedules_.TakeDue().has_value());
  EXPECT_FALSE(schedules_.TakeDue().has_value());
  EXPECT_EQ(schedules_.counts().missed, 3u);
  EXPECT_EQ(schedules_.UntilNext(), absl::Seconds(1));
  clock_.Advance(absl::Milliseconds(10'999));  // 10, 12, 14, 16, 18.
  EXPECT_TRUE(schedules_.TakeDue().has_value());
  EXPECT_FALSE(schedules_.TakeDue().has_value());
  EXPECT_EQ(schedules_.counts().missed, 7u);
  EXPECT_EQ(schedules_.counts().repeated, 2u);
  EXPECT_EQ(schedules_.counts().current, 0u);
}

// What was to be done within some seconds is not done after a night.
TEST_F(StewardSchedulesTest, AnOutageDoesNotLengthenIt) {
  ASSERT_THAT(Begin(Scheduled({2, 7})), IsOk());
  clock_.Advance(absl::Seconds(7));  // 2, 4, 6.
  EXPECT_FALSE(schedules_.TakeDue().has_value());
  EXPECT_EQ(schedules_.counts().missed, 3u);
  EXPECT_EQ(schedules_.counts().repeated, 0u);
  EXPECT_EQ(schedules_.counts().current, 0u);
  EXPECT_EQ(schedules_.UntilNext(), absl::InfiniteDuration());
}

TEST_F(StewardSchedulesTest, EndWithTheRunOfTheirProcess) {
  ASSERT_THAT(Begin(Scheduled({1, kEver})), IsOk());
  processes_->SetRunning(processes_->ToRun());
  processes_->SetDisconnected();  // An outage is no end.
  clock_.Advance(absl::Seconds(1));
  EXPECT_TRUE(schedules_.TakeDue().has_value());
  ASSERT_THAT(processes_->Stop("REQPing").status(), IsOk());
  ASSERT_THAT(processes_->StartConfigured("REQPing").status(), IsOk());
  clock_.Advance(absl::Seconds(1));
  EXPECT_FALSE(schedules_.TakeDue().has_value());
  EXPECT_EQ(schedules_.counts().current, 0u);
  ASSERT_THAT(Begin(Scheduled({1, kEver})), IsOk());
  schedules_.Prune();
  EXPECT_EQ(schedules_.counts().current, 1u);
  processes_->Fail(processes_->FindMethod("REQPing")->run, "it failed");
  schedules_.Prune();
  EXPECT_EQ(schedules_.counts().current, 0u);
  EXPECT_EQ(schedules_.UntilNext(), absl::InfiniteDuration());
}

TEST_F(StewardSchedulesTest, AMessageThatComesAgainBeginsItAnew) {
  ASSERT_THAT(Begin(Scheduled({2, 5})), IsOk());
  EXPECT_THAT(DueWithin(1), IsEmpty());
  ASSERT_THAT(Begin(Scheduled({2, 5})), IsOk());
  EXPECT_EQ(schedules_.counts().current, 1u);
  EXPECT_THAT(DueWithin(9), ElementsAre(2, 4));
  // Others are others.
  ASSERT_THAT(Begin(Scheduled({2, 3})), IsOk());
  ASSERT_THAT(Begin(Scheduled({2, 3}, 2)), IsOk());
  ASSERT_THAT(Begin(Scheduled({2, 3}), "other bytes"), IsOk());
  EXPECT_EQ(schedules_.counts().current, 3u);
  EXPECT_THAT(DueWithin(9), ElementsAre(2, 2, 2));
}

TEST_F(StewardSchedulesTest, RefusesMoreThanItMayFollow) {
  for (size_t i = 0; i < StewardSchedules::kMaxSchedules; ++i) {
    ASSERT_THAT(Begin(Scheduled({1, 2}, static_cast<int64_t>(i))), IsOk());
  }
  absl::Status status = Begin(Scheduled({1, 2}, -1));
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(steward::RefusalOf(status), "too_many_schedules");
  EXPECT_THAT(std::string(status.message()), HasSubstr("node \"node1\""));
  ASSERT_THAT(Begin(Scheduled({1, 2}, 0)), IsOk()) << "it is there already";
  ASSERT_THAT(Begin(Scheduled({2, 2}, -1)), IsOk()) << "it repeats nothing";
  clock_.Advance(absl::Seconds(1));
  EXPECT_TRUE(schedules_.TakeDue().has_value());
  ASSERT_THAT(Begin(Scheduled({1, 2}, -1)), IsOk());
  // And no more bytes than that.
  clock_.Advance(absl::Seconds(1));
  while (schedules_.TakeDue().has_value()) continue;
  ASSERT_EQ(schedules_.counts().current, 0u);
  const std::string half(StewardSchedules::kMaxBytes / 2, 'x');
  ASSERT_THAT(Begin(Scheduled({1, 2}, 1), half), IsOk());
  ASSERT_THAT(Begin(Scheduled({1, 2}, 2), half), IsOk());
  EXPECT_EQ(steward::RefusalOf(Begin(Scheduled({1, 2}, 3), "x")),
            "too_many_schedules");
  ASSERT_THAT(Begin(Scheduled({1, 2}, 2), half), IsOk());
}

TEST_F(StewardSchedulesTest, ThoseOfAnEndedProcessTakeNoRoom) {
  constexpr int64_t kDay = 24 * 60 * 60;
  for (size_t i = 0; i < StewardSchedules::kMaxSchedules; ++i) {
    ASSERT_THAT(Begin(Scheduled({kDay, kEver}, static_cast<int64_t>(i))),
                IsOk());
  }
  // While nobody reads, as in an outage.
  ASSERT_THAT(processes_->Stop("REQPing").status(), IsOk());
  ASSERT_THAT(processes_->StartConfigured("REQPing").status(), IsOk());
  ASSERT_THAT(Begin(Scheduled({kDay, kEver}, -1)), IsOk());
  EXPECT_EQ(schedules_.counts().current, 1u);
}

}  // namespace
}  // namespace weir
