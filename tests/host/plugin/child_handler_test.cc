#include "host/plugin/child_handler.h"

#include <signal.h>
#include <stdlib.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/fake_clock.h"
#include "tests/support/child_plugin.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::Ge;
using testing::Gt;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Lt;
using testing::Not;
using testing::Pair;
using testing::SizeIs;
using testing::StartsWith;

constexpr size_t kArena = size_t{4} << 20;

// Whether a report has frames once the stack ran over. Under ThreadSanitizer
// the handler's atomic words and the unwinder's pthread_once are the
// sanitizer's; in about every fourth such process, and in no other, it crashes
// over them itself, in __tsan::MetaMap::GetSync, and what the handler had to
// say is lost.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
constexpr bool kSeesOverflows = false;
#else
constexpr bool kSeesOverflows = true;
#endif
#else
constexpr bool kSeesOverflows = true;
#endif

class ChildHandlerTest : public testing::TestWithParam<size_t> {
 protected:
  std::unique_ptr<ChildHandler> Make(absl::string_view fixture,
                                     std::string config = "{}") {
    return plugins_.Make(
        {.module = FixturePath(fixture), .config_json = std::move(config)});
  }

  // Hands over messages `first` to `first` + `n` - 1.
  RunOutcome Handle(ChildHandler& handler, uint64_t first, size_t n) {
    const TestRun run = plugins_.Run(first, n);
    done_ = errors_ = 0;
    return handler.HandleMessages(run.messages, done_, errors_);
  }

  FakeClock clock_;
  ChildPlugins plugins_{clock_, GetParam()};
  std::atomic<uint32_t> done_{0}, errors_{0};
};

INSTANTIATE_TEST_SUITE_P(WhereverMessagesLie, ChildHandlerTest,
                         testing::Values(size_t{0}, kArena),
                         [](const auto& where) {
                           return where.param == 0 ? "InTheHeap" : "InAnArena";
                         });

TEST_P(ChildHandlerTest, AsksAPluginAsInThisProcess) {
  const auto handler = Make("says");
  ASSERT_THAT(handler->Create(), IsOk());
  EXPECT_THAT(plugins_.services().declared(), ElementsAre("said", "thread"));
  EXPECT_EQ(handler->QueueCapacity(), 123);
  EXPECT_TRUE(handler->WantsMessage("UPDATE"));
  EXPECT_FALSE(handler->WantsMessage("OPEN"));
  EXPECT_FALSE(handler->WantsMessage(std::string((1 << 20) + 1, 'X')));
  EXPECT_GT(handler->pid(), 0);
  EXPECT_GT(handler->usage().rss_bytes, 0u);
  handler->Destroy();
  EXPECT_EQ(handler->pid(), 0);
  EXPECT_EQ(handler->death(), std::nullopt);
  EXPECT_GT(handler->usage().cpu_seconds, 0);
}

TEST_P(ChildHandlerTest, PassesOnInOrderWhatThePluginSays) {
  const auto handler = Make("says");
  ASSERT_THAT(handler->Create(), IsOk());
  const RunOutcome outcome = Handle(*handler, 1, 300);
  EXPECT_TRUE(outcome.alive);
  EXPECT_EQ(done_, 300u);
  EXPECT_EQ(errors_, 0u);
  const std::vector<Event> events = plugins_.heard().events();
  ASSERT_THAT(events, SizeIs(300));
  for (size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(events[i].subject, absl::StrCat(i + 1));
  }
  EXPECT_EQ(events[0].type, "said");
  EXPECT_EQ(events[0].source, "plugins/x");
  EXPECT_EQ(events[0].json, "{\"a\": 1}");
  EXPECT_EQ(events[0].severity, Severity::kWarning);
  EXPECT_THAT(events[0].labels,
              ElementsAre(Pair("type", "UPDATE"), Pair("source", "test")));
  EXPECT_THAT(plugins_.heard().lines(), Contains("line 1"));
  EXPECT_EQ(plugins_.heard().lines().back(), "line 300");
  EXPECT_THAT(plugins_.services().counts().rejected,
              Contains(Pair("undeclared_type", 300)));
}

TEST_P(ChildHandlerTest, TellsANameThatIsNewerThanTheChild) {
  const auto handler = Make("says");
  ASSERT_THAT(handler->Create(), IsOk());
  const uint16_t type = plugins_.types().Intern("ROUTE_REFRESH");
  const TestRun run = plugins_.Run(1, 1, "{}", type);
  handler->HandleMessages(run.messages, done_, errors_);
  ASSERT_THAT(plugins_.heard().events(), SizeIs(1));
  EXPECT_THAT(plugins_.heard().events()[0].labels,
              Contains(Pair("type", "ROUTE_REFRESH")));
}

TEST_P(ChildHandlerTest, ShowsMessagesOfAnySize) {
  const auto handler = Make("says");
  ASSERT_THAT(handler->Create(), IsOk());
  for (const size_t size : {0, 1, 600, 60'000, 3'000'000}) {
    const std::string payload =
        size == 0 ? "" : "\"" + std::string(size, 'x') + "\"";
    const TestRun run = plugins_.Run(size, 3, payload);
    done_ = 0;
    EXPECT_TRUE(handler->HandleMessages(run.messages, done_, errors_).alive);
    EXPECT_EQ(done_, 3u) << size;
    if (size > 60'000) continue;  // More than an event may have.
    EXPECT_EQ(plugins_.heard().events().back().json, payload);
  }
}

TEST_P(ChildHandlerTest, GivesALiveInstanceAnotherConfiguration) {
  const auto handler = Make("takes_config", R"({"threshold":1})");
  ASSERT_THAT(handler->Create(), IsOk());
  EXPECT_THAT(handler->Reconfigure(R"({"threshold":2})"), IsOk());
  EXPECT_THAT(handler->Reconfigure(R"({"then":"throw"})"),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("reconfigure: not this one")));
  EXPECT_THAT(handler->Reconfigure(R"({"then":"restart"})"),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("")));
  EXPECT_TRUE(Handle(*handler, 1000, 1).alive);
  const std::vector<Event> events = plugins_.heard().events();
  ASSERT_THAT(events, SizeIs(3));
  EXPECT_EQ(events[0].json, R"({"threshold":1})");
  EXPECT_EQ(events[1].subject, "reconfigured");
  EXPECT_EQ(events[2].json, R"({"threshold":2})") << "and not what it refused";
  EXPECT_THAT(handler->Reconfigure(R"({"then":"abort"})"),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("died: SIGABRT")));
  EXPECT_EQ(handler->pid(), 0);
  EXPECT_THAT(handler->Reconfigure("{}"),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("died")));
}

TEST_P(ChildHandlerTest, KillsOneThatHangsOverItsConfiguration) {
  const auto handler =
      plugins_.Make({.module = FixturePath("takes_config"),
                     .reconfigure_deadline = absl::Milliseconds(50)});
  ASSERT_THAT(handler->Create(), IsOk());
  EXPECT_THAT(
      handler->Reconfigure(R"({"then":"hang"})"),
      StatusIs(absl::StatusCode::kAborted, HasSubstr("answer deadline")));
}

TEST_P(ChildHandlerTest, SaysThatAPluginTakesNoOtherConfiguration) {
  const auto handler = Make("ok_c");
  ASSERT_THAT(handler->Create(), IsOk());
  EXPECT_THAT(handler->Reconfigure("{}"),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("none")));
  EXPECT_TRUE(Handle(*handler, 1, 1).alive);
}

TEST_P(ChildHandlerTest, CountsWhatAPluginRefuses) {
  const auto handler = Make("throws", "");
  ASSERT_THAT(handler->Create(), IsOk());
  EXPECT_TRUE(Handle(*handler, 1, 5).alive);
  EXPECT_EQ(done_, 5u);
  EXPECT_EQ(errors_, 2u) << "it throws at even numbers";
}

TEST_P(ChildHandlerTest, LosesOneMessageToACrashAndTellsWhichAndWhere) {
  struct Case {
    const char* fixture;
    const char* cause;
    int signal;
    std::optional<bool> reports;  // Nothing: nobody knows.
  };
  const auto overflow =
      kSeesOverflows ? std::optional<bool>(true) : std::nullopt;
  for (const Case& c : std::vector<Case>{
           {"segv_on_seq", "SIGSEGV", SIGSEGV, true},
           {"abort_on_seq", "SIGABRT", SIGABRT, true},
           {"stack_overflow", "SIGSEGV", SIGSEGV, overflow},
           {"exit0", "exit status 0", 0, false},
           {"exit_at_once", "exit status 3", 0, false},
           {"writes_message", "SIGSEGV", SIGSEGV, true},
       }) {
    SCOPED_TRACE(c.fixture);
    const auto handler = Make(c.fixture, "{\"seq\": 3}");
    ASSERT_THAT(handler->Create(), IsOk());
    EXPECT_TRUE(handler->WantsMessage("UPDATE"));
    const RunOutcome outcome = Handle(*handler, 1, 5);
    EXPECT_FALSE(outcome.alive);
    EXPECT_TRUE(outcome.lost_one);
    EXPECT_EQ(done_, 2u);
    EXPECT_EQ(errors_, 0u);
    EXPECT_EQ(handler->pid(), 0);
    const std::optional<ChildDeath> death = handler->death();
    ASSERT_TRUE(death.has_value());
    EXPECT_EQ(death->cause, c.cause);
    EXPECT_EQ(death->signal, c.signal);
    ASSERT_TRUE(death->message.has_value());
    EXPECT_EQ(death->message->seq, 3u);
    EXPECT_EQ(death->message->payload(), "{\"a\": 1}");
    if (!c.reports.has_value()) {
      // Whatever there is.
    } else if (*c.reports) {
      EXPECT_THAT(death->frames,
                  Contains(StartsWith(absl::StrCat(c.fixture, ".so+0x"))));
    } else {
      EXPECT_THAT(death->frames, IsEmpty());
    }
    const RunOutcome again = Handle(*handler, 4, 2);
    EXPECT_FALSE(again.alive);
    EXPECT_FALSE(again.lost_one) << "nobody is there to lose it";
    EXPECT_EQ(done_, 0u);
  }
}

TEST_P(ChildHandlerTest, TellsTheAddressOfAFault) {
  const auto handler = Make("segv_on_seq", "{\"seq\": 1}");
  ASSERT_THAT(handler->Create(), IsOk());
  Handle(*handler, 1, 1);
  ASSERT_TRUE(handler->death().has_value());
  EXPECT_EQ(handler->death()->address, 16u);
  EXPECT_THAT(handler->death()->frames[0], StartsWith("segv_on_seq.so+0x"));
}

TEST_P(ChildHandlerTest, EndsACallThatHangsWhenItIsTold) {
  const auto handler = Make("hang_spin", "{\"seq\": 3}");
  ASSERT_THAT(handler->Create(), IsOk());
  const TestRun run = plugins_.Run(1, 5);
  RunOutcome outcome;
  std::thread worker(
      [&] { outcome = handler->HandleMessages(run.messages, done_, errors_); });
  while (done_ < 2) std::this_thread::yield();
  EXPECT_TRUE(handler->Kill("hard deadline"));
  worker.join();
  EXPECT_FALSE(outcome.alive);
  EXPECT_TRUE(outcome.lost_one);
  EXPECT_EQ(done_, 2u);
  ASSERT_TRUE(handler->death().has_value());
  EXPECT_EQ(handler->death()->cause, "hard deadline");
  ASSERT_TRUE(handler->death()->message.has_value());
  EXPECT_EQ(handler->death()->message->seq, 3u);
  EXPECT_THAT(handler->death()->frames, Contains(StartsWith("hang_spin.so+")));
  EXPECT_FALSE(handler->Kill("again")) << "there is nobody left";
}

TEST_P(ChildHandlerTest, EndsAChildAfterSoManyErrorsInARow) {
  const auto handler = plugins_.Make({.module = FixturePath("tells_flags"),
                                      .config_json = "{\"fails_from\": 3}",
                                      .max_consecutive_errors = 4});
  ASSERT_THAT(handler->Create(), IsOk());
  EXPECT_TRUE(Handle(*handler, 1, 4).alive);
  EXPECT_EQ(errors_, 2u);
  const RunOutcome outcome = Handle(*handler, 5, 10);
  EXPECT_FALSE(outcome.alive);
  EXPECT_FALSE(outcome.lost_one);
  EXPECT_EQ(done_, 2u) << "those of the run before count, too";
  EXPECT_EQ(errors_, 2u);
  EXPECT_EQ(handler->pid(), 0);
  ASSERT_TRUE(handler->death().has_value());
  EXPECT_TRUE(handler->death()->gave_up);
  EXPECT_EQ(handler->death()->cause, "4 consecutive errors");
  EXPECT_FALSE(handler->death()->message.has_value());
}

TEST_P(ChildHandlerTest, MarksTheMessageThatComesAgainAndNoOther) {
  const auto handler = Make("tells_flags");
  ASSERT_THAT(handler->Create(), IsOk());
  handler->TellRedelivery();
  Handle(*handler, 1, 3);
  Handle(*handler, 1, 1);
  std::vector<std::string> flags;
  for (const Event& event : plugins_.heard().events()) {
    flags.push_back(event.json);
  }
  EXPECT_THAT(flags, ElementsAre("1", "0", "0", "0"));
}

TEST_P(ChildHandlerTest, EndsAChildThatWritesWhereItMustNot) {
  const auto handler = Make("writes_ring_words");
  ASSERT_THAT(handler->Create(), IsOk());
  const RunOutcome outcome = Handle(*handler, 1, 5);
  EXPECT_FALSE(outcome.alive);
  EXPECT_TRUE(outcome.lost_one);
  EXPECT_LE(done_, 2u);
  ASSERT_TRUE(handler->death().has_value());
  EXPECT_EQ(handler->death()->cause, "corrupt words");
  EXPECT_EQ(handler->death()->signal, SIGKILL);
}

TEST_P(ChildHandlerTest, TellsOfAChildThatDiesBetweenRuns) {
  const auto handler = Make("ok_c");
  ASSERT_THAT(handler->Create(), IsOk());
  EXPECT_TRUE(Handle(*handler, 1, 5).alive);
  ASSERT_EQ(kill(handler->pid(), SIGKILL), 0);
  while (handler->pid() != 0) std::this_thread::yield();
  const RunOutcome outcome = Handle(*handler, 6, 5);
  EXPECT_FALSE(outcome.alive);
  EXPECT_FALSE(outcome.lost_one);
  EXPECT_EQ(handler->death()->cause, "SIGKILL");
  EXPECT_FALSE(handler->death()->message.has_value());
  EXPECT_FALSE(handler->WantsMessage("UPDATE"));
  EXPECT_EQ(handler->QueueCapacity(), 0);
}

TEST_P(ChildHandlerTest, TellsWhyThereIsNoInstance) {
  struct Case {
    const char* why;
    ChildHandlerOptions options;
    absl::StatusCode code;
    const char* message;
  };
  for (Case& c : std::vector<Case>{
           {"no such program",
            {.runner = "/nonexistent/runner", .module = FixturePath("ok_c")},
            absl::StatusCode::kUnavailable,
            "/nonexistent/runner: No such file"},
           {"no such module",
            {.module = "/nonexistent.so"},
            absl::StatusCode::kInvalidArgument,
            "load.dlopen: /nonexistent.so"},
           {"no entry",
            {.module = FixturePath("missing_entry")},
            absl::StatusCode::kInvalidArgument,
            "elf.exports"},
           {"it throws",
            {.module = FixturePath("throws"), .config_json = "{\"a\": 1}"},
            absl::StatusCode::kFailedPrecondition,
            "create: peers[3]: not a number"},
           {"too much configuration",
            {.module = FixturePath("ok_c"),
            .config_json = std::string((1 << 20) + 1, ' ')},
            absl::StatusCode::kInvalidArgument,
            "has 1048577 bytes, a child takes at most 1048576"},
           {"it dies while it is loaded",
            {.module = FixturePath("ctor_aborts")},
            absl::StatusCode::kAborted,
            "create: the child died: SIGABRT at"},
           {"it does not come back",
            {.module = FixturePath("hang_in_create"),
            .create_deadline = absl::Milliseconds(50)},
            absl::StatusCode::kDeadlineExceeded,
            "create: not ready after 50ms"},
       }) {
    const auto handler = plugins_.Make(std::move(c.options));
    EXPECT_THAT(handler->Create(), StatusIs(c.code, HasSubstr(c.message)))
        << c.why;
    EXPECT_EQ(handler->pid(), 0) << c.why;
  }
}

TEST_P(ChildHandlerTest, TakesAConfigurationOfAMebibyte) {
  const auto handler = Make("ok_c", std::string(1 << 20, ' '));
  EXPECT_THAT(handler->Create(), IsOk());
}

TEST_P(ChildHandlerTest, EndsAChildThatDoesNotComeBackFromDestroy) {
  const auto handler =
      plugins_.Make({.module = FixturePath("hang_in_destroy"),
                     .destroy_deadline = absl::Milliseconds(50)});
  ASSERT_THAT(handler->Create(), IsOk());
  handler->Destroy();
  EXPECT_EQ(handler->pid(), 0);
  ASSERT_TRUE(handler->death().has_value());
  EXPECT_EQ(handler->death()->cause, "answer deadline");
}

TEST_P(ChildHandlerTest, TakesFromAFloodWhatThereIsRoomFor) {
  constexpr uint64_t kFlood = 40'000;
  const auto handler = plugins_.Make({.module = FixturePath("says"),
                                      .config_json = "{\"flood\": 40000}",
                                      .emit_ring_events = 100});
  ASSERT_THAT(handler->Create(), IsOk());
  EXPECT_TRUE(Handle(*handler, 1, 1).alive);
  const PluginHostServices::Counts counts = plugins_.services().counts();
  EXPECT_THAT(counts.emitted, AllOf(Ge(100u), Lt(kFlood)));
  EXPECT_THAT(counts.rejected, Contains(Pair("full", Gt(0u))));
  uint64_t all = counts.emitted;
  for (const auto& [reason, n] : counts.rejected) all += n;
  EXPECT_EQ(all, kFlood) << "each is counted once";
  EXPECT_EQ(counts.log_lines + counts.log_lines_suppressed, kFlood);
  EXPECT_EQ(counts.log_lines, 1000u) << "the burst; time stands still";
}

TEST_P(ChildHandlerTest, HearsAPluginThatHasNothingToDo) {
  const auto handler = Make("says", "{\"thread\": 1}");
  ASSERT_THAT(handler->Create(), IsOk());
  const size_t so_far = plugins_.heard().events().size();
  // It has been at it since it was made. On a slow machine that was all that
  // the host takes in a second, and by its clock no second passes.
  clock_.Advance(absl::Seconds(1));
  plugins_.heard().AwaitEvents(so_far + 100);
  handler->Destroy();
}

TEST_P(ChildHandlerTest, LogsWhatAPluginPrints) {
  const auto handler = Make("ctor_prints");
  ASSERT_THAT(handler->Create(), IsOk());
  handler->Destroy();
  EXPECT_THAT(plugins_.heard().lines(),
              ElementsAre("hello from a constructor", "{\"check\": \"no\"}",
                          "and half a line"));
}

TEST_P(ChildHandlerTest, GivesAChildNothingOfTheHostsBeyondWhatItNeeds) {
  ASSERT_EQ(setenv("WEIR_SECRET", "hunter2", 1), 0);
  const auto handler = Make("ok_c");
  ASSERT_THAT(handler->Create(), IsOk());
  const std::string proc = absl::StrCat("/proc/", handler->pid());
  std::ifstream environ(proc + "/environ");
  const std::string environment{std::istreambuf_iterator<char>(environ), {}};
  EXPECT_THAT(environment, Not(HasSubstr("hunter2")));
  std::ifstream limits_file(proc + "/limits");
  const std::string limits{std::istreambuf_iterator<char>(limits_file), {}};
  EXPECT_THAT(limits, HasSubstr("Max core file size        0 "));
  EXPECT_THAT(limits, HasSubstr("Max open files            32 "));
  std::vector<std::string> open;
  for (const auto& entry : std::filesystem::directory_iterator(proc + "/fd")) {
    open.push_back(entry.path().filename());
  }
  // Three of every process, four of every child, and the runner's own.
  EXPECT_THAT(open, SizeIs(8));
}

TEST_P(ChildHandlerTest, LetsAChildHaveNoMoreMemoryThanItIsTold) {
#ifdef WEIR_SANITIZER
  GTEST_SKIP() << "a sanitizer takes terabytes of address space";
#endif
  for (const auto& [limit, errors] :
       {std::pair(uint64_t{512} << 20, 1u), std::pair(uint64_t{0}, 0u)}) {
    const auto handler = plugins_.Make(
        {.module = FixturePath("alloc_huge"), .memory_limit_bytes = limit});
    ASSERT_THAT(handler->Create(), IsOk());
    EXPECT_TRUE(Handle(*handler, 1, 1).alive);
    EXPECT_EQ(errors_, errors) << limit;
  }
}

TEST_P(ChildHandlerTest, EndsTheChildWithTheHandler) {
  auto handler = Make("ok_c");
  ASSERT_THAT(handler->Create(), IsOk());
  const pid_t pid = handler->pid();
  handler.reset();
  EXPECT_NE(kill(pid, 0), 0);
}

}  // namespace
}  // namespace weir
