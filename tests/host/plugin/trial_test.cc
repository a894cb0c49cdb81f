#include "host/plugin/trial.h"

#include <string>
#include <thread>
#include <utility>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/sync/system_clock.h"
#include "tests/support/child_plugin.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;
using Outcome = TrialResult::Outcome;

class TrialTest : public testing::Test {
 protected:
  ChildHandlerOptions Options(const char* fixture, std::string config = "{}") {
    return {.runner = kRunner,
            .module = FixturePath(fixture),
            .name = "x",
            .config_json = std::move(config)};
  }

  absl::StatusOr<TrialResult> Try(const char* fixture,
                                  std::string config = "{}",
                                  absl::Duration deadline = absl::Minutes(1)) {
    Trial trial(Options(fixture, std::move(config)), *supervisor_, clock_);
    return trial.Run(message_, deadline);
  }

  SystemClock clock_;
  const std::unique_ptr<ChildSupervisor> supervisor_ =
      ChildSupervisor::Start().value();
  TrialMessage message_ = {
      .message = {.type_id = 999,  // Of a host that is no more.
                  .seq = 37,
                  .source_id = 998,
                  .payload_bytes = 8,
                  .bytes = "{\"a\": 1}and what was decoded"},
      .type = "UPDATE",
      .source = "ris"};
};

TEST_F(TrialTest, GivesTheMessageAsItWasAndCollectsWhatIsEmitted) {
  const auto result = Try("says");
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->outcome, Outcome::kOk);
  EXPECT_THAT(result->detail, IsEmpty());
  EXPECT_THAT(result->frames, IsEmpty());
  EXPECT_GT(result->handle_time, absl::ZeroDuration());
  ASSERT_THAT(result->events, SizeIs(1));
  const Event& event = result->events[0];
  EXPECT_EQ(event.type, "said");
  EXPECT_EQ(event.subject, "37");
  EXPECT_EQ(event.json, "{\"a\": 1}");
  EXPECT_EQ(event.source, "plugins/x");
  EXPECT_THAT(event.labels, Contains(Pair("type", "UPDATE")));
  EXPECT_THAT(event.labels, Contains(Pair("source", "ris")));
}

TEST_F(TrialTest, TellsACrashWithItsStack) {
  const auto result = Try("segv_on_seq", "{\"seq\": 37}");
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->outcome, Outcome::kCrashed);
  EXPECT_EQ(result->detail, "SIGSEGV");
  EXPECT_THAT(result->frames, Contains(HasSubstr("segv_on_seq.so+0x")));
  EXPECT_EQ(Try("segv_on_seq", "{\"seq\": 38}")->outcome, Outcome::kOk)
      << "a message that does no harm";
}

TEST_F(TrialTest, TellsAnError) {
  message_.message.seq = 38;
  const auto result = Try("throws");
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->outcome, Outcome::kError);
}

TEST_F(TrialTest, EndsWhatHangsAtTheDeadline) {
  const auto result =
      Try("hang_spin", "{\"seq\": 37}", absl::Milliseconds(200));
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->outcome, Outcome::kTimedOut);
  EXPECT_THAT(result->frames, Contains(HasSubstr("hang_spin.so+0x")));
}

TEST_F(TrialTest, TellsWhatDiesBeforeTheMessageFromWhatDiesOfIt) {
  const auto created = Try("hang_in_create", "{}", absl::Milliseconds(200));
  ASSERT_THAT(created, IsOk());
  EXPECT_EQ(created->outcome, Outcome::kTimedOut);
  EXPECT_THAT(created->detail, HasSubstr("when it was created"));
  const auto destroyed = Try("hang_in_destroy", "{}", absl::Milliseconds(300));
  ASSERT_THAT(destroyed, IsOk());
  EXPECT_EQ(destroyed->outcome, Outcome::kTimedOut);
  EXPECT_THAT(destroyed->detail, HasSubstr("when it was destroyed"));
}

TEST_F(TrialTest, SaysThatTheMessageWasNotWanted) {
  message_.type = "OPEN";
  const auto result = Try("says");
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->outcome, Outcome::kOk);
  EXPECT_THAT(result->detail, HasSubstr("does not want"));
  EXPECT_THAT(result->events, IsEmpty());
}

TEST_F(TrialTest, SaysWhyThereIsNoInstance) {
  EXPECT_THAT(Try("missing_entry"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("weir_plugin_entry_v1")));
}

TEST_F(TrialTest, BoundsWhatIsEmitted) {
  const auto result = Try("says", "{\"flood\": 1500}");
  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(result->events, SizeIs(Trial::kMaxEvents));
}

TEST_F(TrialTest, EndsWhenItIsCancelled) {
  Trial trial(Options("hang_spin", "{\"seq\": 37}"), *supervisor_, clock_);
  std::thread canceller([&] { trial.Cancel(); });
  EXPECT_THAT(trial.Run(message_, absl::Hours(1)),
              StatusIs(absl::StatusCode::kCancelled, HasSubstr("stops")));
  canceller.join();
}

}  // namespace
}  // namespace weir
