#include "host/source/steward_processes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "host/control/steward_node.h"
#include "host/source/steward_node_set.h"
#include "host/status/error_info.h"
#include "lib/steward/profile.h"
#include "tests/fakes/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using State = StewardProcessStatus::State;
using steward::Profile;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string ReasonOf(const absl::Status& status) {
  const auto info = GetErrorInfo(status);
  return info.has_value() ? info->reason : "";
}

class StewardProcessesTest : public ::testing::Test {
 protected:
  StewardProcessesTest() {
    processes_.SetWake([this] { ++wakes_; });
  }

  StewardProcessStatus Of(const std::string& method) const {
    for (StewardProcessStatus& process : processes_.Processes()) {
      if (process.method == method) return process;
    }
    return {};
  }
  std::vector<std::string> Methods() const {
    std::vector<std::string> methods;
    for (const StewardProcessStatus& process : processes_.Processes()) {
      methods.push_back(process.method);
    }
    return methods;
  }
  // As the source does.
  void Follow() { processes_.SetRunning(processes_.ToRun()); }

  FakeClock clock_;
  StewardProcesses processes_{
      {.name = "central",
       .profile = Profile::kS1,
       .processes = {{.method = "REQPing", .stop_on_error = true},
                     {.method = "REQHello", .allowed_senders = {"a"}}},
       .stopped = {"REQHello"}},
      clock_};
  int wakes_ = 0;
};

TEST_F(StewardProcessesTest, BeginWithThoseOfTheConfiguration) {
  const auto list = processes_.Processes();
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0].id, 1u);
  EXPECT_EQ(list[0].subject, "central.REQPing.EventACK");
  EXPECT_EQ(list[0].name, "central.REQPing.EventACK_subscriber");
  EXPECT_EQ(list[0].state, State::kStarting);
  EXPECT_TRUE(list[0].configured);
  EXPECT_TRUE(list[0].settings.stop_on_error);
  EXPECT_EQ(list[1].state, State::kStopped);
  EXPECT_THAT(list[1].settings.allowed_senders, ElementsAre("a"));
  ASSERT_EQ(processes_.ToRun().size(), 1u);
  EXPECT_TRUE(processes_.ToRun()[0].configured);
  clock_.Advance(absl::Seconds(5));
  const uint64_t before = processes_.version();
  Follow();
  EXPECT_GT(processes_.version(), before);
  EXPECT_EQ(Of("REQPing").state, State::kRunning);
  EXPECT_EQ(Of("REQPing").since, clock_.Now());
  // Ctrl has names without an end.
  const StewardProcesses ctrl(
      {.name = "n", .profile = Profile::kC4, .processes = {{.method = "x"}}},
      clock_);
  EXPECT_EQ(ctrl.Processes()[0].name, "n.x");
}

TEST_F(StewardProcessesTest, StartedOnesAreForgottenWhenTheyAreStopped) {
  const auto started =
      processes_.Start({.method = "REQSUBCopySrc.1", .acknowledge_done = true});
  ASSERT_THAT(started.status(), IsOk());
  EXPECT_EQ(started->id, 3u);
  EXPECT_EQ(started->subject, "central.REQSUBCopySrc.1.EventACK");
  EXPECT_EQ(started->state, State::kStarting);
  EXPECT_FALSE(started->configured);
  EXPECT_EQ(wakes_, 1);
  Follow();
  const auto found = processes_.FindSubject(started->subject);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->why_not, "");
  EXPECT_TRUE(found->settings->acknowledge_done);
  EXPECT_TRUE(processes_.Runs(found->run));
  processes_.Count(found->run);
  EXPECT_EQ(Of("REQSUBCopySrc.1").messages, 1u);

  const uint64_t before = processes_.version();
  const auto stopped = processes_.Stop("REQSUBCopySrc.1");
  ASSERT_THAT(stopped.status(), IsOk());
  EXPECT_EQ(stopped->state, State::kStopped);
  EXPECT_EQ(stopped->messages, 1u);
  EXPECT_GT(processes_.version(), before);
  EXPECT_EQ(wakes_, 2);
  EXPECT_THAT(Methods(), ElementsAre("REQPing", "REQHello"));
  EXPECT_FALSE(processes_.FindSubject(started->subject).has_value());
  EXPECT_FALSE(processes_.Runs(found->run));
  // What the source had under way is of no account.
  processes_.SetRunning({{found->run, started->subject, false}});
  processes_.Count(found->run);
  processes_.Fail(found->run, "late");
  processes_.Refuse(started->subject);
  EXPECT_THAT(Methods(), ElementsAre("REQPing", "REQHello"));
  EXPECT_THAT(processes_.TakeEnded(), IsEmpty());
  EXPECT_EQ(processes_.Stop("REQSUBCopySrc.1").status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(ReasonOf(processes_.Stop("REQSUBCopySrc.1").status()),
            "PROCESS_NOT_FOUND");
  EXPECT_EQ(processes_.Start({.method = "REQSUBCopySrc.1"})->id, 4u);
}

TEST_F(StewardProcessesTest, ConfiguredOnesKeepTheirPlaceAndSettings) {
  Follow();
  ASSERT_THAT(processes_.Stop("REQPing").status(), IsOk());
  EXPECT_THAT(Methods(), ElementsAre("REQPing", "REQHello"));
  EXPECT_EQ(processes_.FindMethod("REQPing")->why_not, "stopped");
  // Not by whatever an operator says to the source.
  processes_.SetDisconnected();
  processes_.RestartEnded();
  EXPECT_EQ(Of("REQPing").state, State::kStopped);
  EXPECT_THAT(processes_.ToRun(), IsEmpty());
  const absl::Status other = processes_.Start({.method = "REQPing"}).status();
  EXPECT_EQ(other.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(ReasonOf(other), "PROCESS_CONFIGURED");
  ASSERT_THAT(processes_.StartConfigured("REQPing").status(), IsOk());
  ASSERT_THAT(processes_.StartConfigured("REQHello").status(), IsOk());
  EXPECT_EQ(processes_.ToRun().size(), 2u);
  EXPECT_THAT(processes_.FindMethod("REQHello")->settings->allowed_senders,
              ElementsAre("a"));
  Follow();
  const uint64_t before = processes_.version();
  ASSERT_THAT(processes_.StartConfigured("REQPing").status(), IsOk());
  EXPECT_EQ(processes_.version(), before) << "it runs";
  EXPECT_EQ(processes_.StartConfigured("REQTest").status().code(),
            absl::StatusCode::kNotFound);
  ASSERT_THAT(processes_.Start({.method = "REQTest"}).status(), IsOk());
  EXPECT_EQ(processes_.StartConfigured("REQTest").status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(StewardProcessesTest, AStartChangesTheSettingsOfOneThatRuns) {
  ASSERT_THAT(processes_.Start({.method = "x"}).status(), IsOk());
  Follow();
  const uint64_t run = processes_.FindMethod("x")->run;
  const auto changed =
      processes_.Start({.method = "x", .allowed_senders = {"node1"}});
  ASSERT_THAT(changed.status(), IsOk());
  EXPECT_EQ(changed->state, State::kRunning);
  EXPECT_EQ(changed->id, 3u);
  const auto found = processes_.FindMethod("x");
  EXPECT_EQ(found->run, run);
  EXPECT_THAT(found->settings->allowed_senders, ElementsAre("node1"));
  EXPECT_THAT(Of("x").settings.allowed_senders, ElementsAre("node1"));
}

TEST_F(StewardProcessesTest, AFailureEndsTheRunThatItIsOf) {
  Follow();
  const uint64_t run = processes_.FindMethod("REQPing")->run;
  processes_.Fail(run, "a handler failed");
  processes_.Fail(run, "and another");
  EXPECT_EQ(Of("REQPing").state, State::kEnded);
  EXPECT_EQ(Of("REQPing").why, "a handler failed");
  EXPECT_THAT(processes_.FindMethod("REQPing")->why_not,
              HasSubstr("a handler failed"));
  EXPECT_EQ(wakes_, 1);
  const auto ended = processes_.TakeEnded();
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].subject, "central.REQPing.EventACK");
  EXPECT_EQ(ended[0].why, "a handler failed");
  EXPECT_THAT(processes_.TakeEnded(), IsEmpty());
  processes_.SetDisconnected();
  EXPECT_EQ(Of("REQPing").state, State::kEnded);

  ASSERT_THAT(processes_.StartConfigured("REQPing").status(), IsOk());
  EXPECT_EQ(Of("REQPing").state, State::kStarting);
  EXPECT_EQ(Of("REQPing").why, "");
  processes_.Fail(run, "of the run before");
  EXPECT_EQ(Of("REQPing").state, State::kStarting);
  processes_.Refuse("central.REQPing.EventACK");
  EXPECT_EQ(Of("REQPing").state, State::kEnded);
  EXPECT_THAT(Of("REQPing").why, HasSubstr("does not permit"));
  processes_.RestartEnded();
  EXPECT_EQ(Of("REQPing").state, State::kStarting);
  EXPECT_THAT(processes_.TakeEnded(), IsEmpty())
      << "an operator's word is newer";
}

TEST_F(StewardProcessesTest, TheyWaitForTheNextConnection) {
  Follow();
  processes_.SetDisconnected();
  EXPECT_EQ(Of("REQPing").state, State::kStarting);
  EXPECT_EQ(processes_.ToRun().size(), 1u);
  EXPECT_EQ(processes_.FindMethod("REQPing")->why_not, "");
}

TEST_F(StewardProcessesTest, RefusesWhatMakesNoProcess) {
  for (const std::string& method :
       {std::string(), std::string("a b"), std::string("a..b"),
        std::string("a."), std::string(">"), std::string(1100, 'x')}) {
    const absl::Status status = processes_.Start({.method = method}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << method;
    EXPECT_EQ(ReasonOf(status), "INVALID_FIELD");
    EXPECT_THAT(std::string(status.message()), HasSubstr("method "));
  }
  const absl::Status status =
      processes_.Start({.method = "x", .require_signature = true}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("keys_file"));
  EXPECT_THAT(Methods(), ElementsAre("REQPing", "REQHello"));
  StewardProcesses s0({.name = "n", .profile = Profile::kS0, .has_keys = true},
                      clock_);
  EXPECT_THAT(std::string(s0.Start({.method = "x", .require_signature = true})
                              .status()
                              .message()),
              HasSubstr("do not sign"));
}

TEST_F(StewardProcessesTest, ThereAreNoMoreThanAThousand) {
  for (size_t i = 2; i < StewardProcesses::kMaxProcesses; ++i) {
    ASSERT_THAT(processes_.Start({.method = absl::StrCat("x", i)}).status(),
                IsOk());
  }
  const absl::Status status = processes_.Start({.method = "y"}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReasonOf(status), "TOO_MANY_PROCESSES");
  ASSERT_THAT(processes_.Start({.method = "x2"}).status(), IsOk());
  ASSERT_THAT(processes_.Stop("x2").status(), IsOk());
  EXPECT_THAT(processes_.Start({.method = "y"}).status(), IsOk());
}

TEST_F(StewardProcessesTest, ASetFindsThemByTheirSource) {
  StewardNodeSet set;
  EXPECT_EQ(set.Find("sources/a"), nullptr);
  const auto node = std::make_shared<StewardProcesses>(
      StewardNode{.name = "a", .processes = {{.method = "x"}}}, clock_);
  set.Add("sources/b",
          std::make_shared<StewardProcesses>(StewardNode{.name = "b"}, clock_));
  set.Add("sources/a", node);
  EXPECT_EQ(set.Find("sources/a"), node.get());
  EXPECT_EQ(set.Find("a"), nullptr);
  EXPECT_THAT(set.sources(), ElementsAre("sources/b", "sources/a"));
}

}  // namespace
}  // namespace weir
