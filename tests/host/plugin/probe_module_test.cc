#include "host/plugin/probe_module.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/child_plugin.h"
#include "tests/support/status_matchers.h"
#include "weir/plugin_abi.h"

namespace weir {
namespace {

using testing::HasSubstr;

constexpr absl::Duration kLong = absl::Minutes(1);
constexpr absl::Duration kPatience = absl::Seconds(20);

TEST(ProbeModuleTest, TellsWhatAModuleIs) {
  const auto probe = ProbeModule(kRunner, FixturePath("says"), kLong);
  ASSERT_THAT(probe, IsOk());
  EXPECT_EQ(probe->name, "says");
  EXPECT_EQ(probe->version, "2.1.0");
  EXPECT_EQ(probe->abi_major, WEIR_ABI_MAJOR);
  EXPECT_EQ(probe->abi_minor, WEIR_ABI_MINOR);
}

TEST(ProbeModuleTest, IsNotConfusedByWhatAConstructorPrints) {
  const auto probe = ProbeModule(kRunner, FixturePath("ctor_prints"), kLong);
  ASSERT_THAT(probe, IsOk());
  EXPECT_EQ(probe->name, "fixture");
}

TEST(ProbeModuleTest, TellsTheSchemaOfOneThatHasIt) {
  for (const bool fenced : {false, true}) {
    const auto probe =
        ProbeModule(kRunner, FixturePath("takes_config"), kLong, fenced);
    ASSERT_THAT(probe, IsOk());
    EXPECT_THAT(probe->config_schema, HasSubstr("\"threshold\""));
  }
  EXPECT_EQ(ProbeModule(kRunner, FixturePath("says"), kLong)->config_schema,
            "");
}

TEST(ProbeModuleTest, LoadsOneThatDiesWhenItIsAskedWithoutAnInstance) {
  const auto probe = ProbeModule(kRunner, FixturePath("needs_self"), kLong);
  ASSERT_THAT(probe, IsOk());
  EXPECT_EQ(probe->name, "fixture");
  EXPECT_EQ(probe->config_schema, "");
}

TEST(ProbeModuleTest, TellsWhatIsWrongWithAModule) {
  struct Case {
    const char* fixture;
    const char* message;
  };
  for (const Case& c : std::vector<Case>{
           {"missing_entry", "elf.exports: "},
           {"not_there", "load.dlopen: "},
           {"ctor_aborts", "load.crash: ends its process with SIGABRT"},
       }) {
    EXPECT_THAT(
        ProbeModule(kRunner, FixturePath(c.fixture), kLong),
        StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(c.message)))
        << c.fixture;
  }
}

TEST(ProbeModuleTest, WaitsNoLongerThanItIsTold) {
  EXPECT_THAT(
      ProbeModule(kRunner, FixturePath("hang_in_ctor"), absl::Milliseconds(50)),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("load.time: not loaded after 50ms")));
}

// The first child of `parent`, once there is one.
pid_t ChildOf(pid_t parent) {
  const std::string path =
      absl::StrCat("/proc/", parent, "/task/", parent, "/children");
  const absl::Time end = absl::Now() + kPatience;
  pid_t child = 0;
  while (child == 0 && absl::Now() < end) {
    std::ifstream(path) >> child;
    absl::SleepFor(absl::Milliseconds(1));
  }
  return child;
}

TEST(ProbeModuleTest, EndsWithTheHostHoweverThatEnds) {
  // Whose host is killed becomes ours, so that its end can be seen.
  ASSERT_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
  const pid_t host = fork();
  if (host == 0) {
    (void)ProbeModule(kRunner, FixturePath("hang_in_ctor"), absl::Hours(1));
    _exit(0);
  }
  const pid_t runner = ChildOf(host);
  ASSERT_GT(runner, 0);
  // Not before it is the runner, and asks to end with its parent.
  const std::string maps = absl::StrCat("/proc/", runner, "/maps");
  const auto has_module = [&] {
    std::ifstream file(maps);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    return text.find("hang_in_ctor") != std::string::npos;
  };
  const absl::Time end = absl::Now() + kPatience;
  while (!has_module() && absl::Now() < end) {
    absl::SleepFor(absl::Milliseconds(1));
  }
  ASSERT_TRUE(has_module());
  kill(host, SIGKILL);
  ASSERT_EQ(waitpid(host, nullptr, 0), host);
  int status = 0;
  pid_t ended = 0;
  while (ended == 0 && absl::Now() < end) {
    ended = waitpid(runner, &status, WNOHANG);
    absl::SleepFor(absl::Milliseconds(1));
  }
  if (ended == 0) kill(runner, SIGKILL);
  EXPECT_EQ(ended, runner) << "it goes on for ever";
  EXPECT_EQ(WTERMSIG(status), SIGKILL);
}

TEST(ProbeModuleTest, TellsThatThereIsNoRunner) {
  EXPECT_THAT(ProbeModule("/nonexistent", FixturePath("ok_c"), kLong),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("/nonexistent: No such file")));
}

}  // namespace
}  // namespace weir
