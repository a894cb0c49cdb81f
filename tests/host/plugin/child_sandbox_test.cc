// What a plugin in a child can do to the machine, with each profile.
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/plugin/child_handler.h"
#include "host/plugin/data_dir.h"
#include "host/plugin/sandbox_support.h"
#include "tests/fakes/fake_clock.h"
#include "tests/support/child_plugin.h"
#include "tests/support/short_temp_dir.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

constexpr size_t kArena = size_t{4} << 20;

class ChildSandboxTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!support_.seccomp) GTEST_SKIP() << WhatSandboxLacks(support_);
    data_ = *MakeDataDir(dir_.path(), "tries");
    std::ofstream(data_ + "/old") << "old";
    std::ofstream(Outside()) << "not yours";
  }

  std::string Outside() const { return dir_.path() + "/outside"; }

  std::unique_ptr<ChildHandler> Make(SandboxProfile profile,
                                     std::string config = "{}") {
    return plugins_.Make({.module = FixturePath("tries"),
                          .config_json = std::move(config),
                          .sandbox = profile,
                          .data_dir = data_});
  }

  // Returns the error that the plugin got, 0 for none; -1 if it said nothing.
  int Try(ChildHandler& handler, absl::string_view what) {
    const std::string full =
        absl::StrReplaceAll(what, {{"$DATA", data_}, {"$OUT", Outside()}});
    const TestRun run = plugins_.Run(++seq_, 1, full);
    std::atomic<uint32_t> done{0}, errors{0};
    if (!handler.HandleMessages(run.messages, done, errors).alive) return -1;
    return Answer(full);
  }

  int Answer(absl::string_view what) const {
    const std::vector<Event> events = plugins_.heard().events();
    int error = -1;
    if (events.empty() || events.back().subject != what ||
        !absl::SimpleAtoi(events.back().json, &error)) {
      return -1;
    }
    return error;
  }

  const SandboxSupport support_ = FindSandboxSupport();
  const ShortTempDir dir_;
  std::string data_;
  FakeClock clock_;
  mutable ChildPlugins plugins_{clock_, kArena};
  uint64_t seq_ = 0;
};

TEST_F(ChildSandboxTest, LetsEachProfileDoWhatItNamesAndNothingElse) {
  struct Case {
    const char* what;
    int strict, files, net;
    bool needs_landlock = false;
  };
  const std::vector<Case> cases = {
      {"live", 0, 0, 0},
      {"read $DATA/old", EPERM, 0, 0},
      {"write $DATA/new", EPERM, 0, 0},
      {"list $DATA", EPERM, 0, 0},
      {"remove $DATA/new", EPERM, 0, 0},
      {"read $OUT", EPERM, EACCES, EACCES, true},
      {"write $OUT", EPERM, EACCES, EACCES, true},
      {"cut $OUT", EPERM, EPERM, EPERM},
      {"remove $OUT", EPERM, EACCES, EACCES, true},
      {"write /tmp/weir-sandbox-test", EPERM, EACCES, EACCES, true},
      {"list /", EPERM, EACCES, EACCES, true},
      {"read /proc/self/environ", EPERM, EACCES, EACCES, true},
      {"read /etc/hosts", EPERM, EACCES, 0, true},
      {"mode $OUT", EPERM, EPERM, EPERM},
      {"mode $DATA/old", EPERM, EPERM, EPERM},
      {"own $DATA/old", EPERM, EPERM, EPERM},
      {"tcp", EPERM, EPERM, 0},
      {"unix", EPERM, EPERM, EPERM},
      {"fork", EPERM, EPERM, EPERM},
      {"spawn /bin/true", EPERM, EPERM, EPERM},
      {"trace", EPERM, EPERM, EPERM},
      {"signal", EPERM, EPERM, EPERM},
      {"limit", EPERM, EPERM, EPERM},
      {"namespace", EPERM, EPERM, EPERM},
      {"new clone", ENOSYS, ENOSYS, ENOSYS},
      {"channel", EPERM, EPERM, EPERM},  // Sealed.
      {"arena", EPERM, EPERM, EPERM},
      {"live", 0, 0, 0},
  };
  const std::vector<std::tuple<const char*, SandboxProfile, int Case::*>>
      profiles = {{"strict", SandboxProfile::kStrict, &Case::strict},
                  {"files", SandboxProfile::kFiles, &Case::files},
                  {"net", SandboxProfile::kNet, &Case::net}};
  for (const auto& [name, profile, want] : profiles) {
    const auto handler = Make(profile);
    ASSERT_THAT(handler->Create(), IsOk());
    for (const Case& c : cases) {
      if (c.needs_landlock && support_.landlock == 0 && c.*want != EPERM) {
        std::cout << "SKIPPED: " << name << ": " << c.what << ": "
                  << WhatSandboxLacks(support_) << "\n";
        continue;
      }
      EXPECT_EQ(Try(*handler, c.what), c.*want) << name << ": " << c.what;
    }
  }
  std::ifstream outside(Outside());
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(outside), {}),
            "not yours");
}

TEST_F(ChildSandboxTest, LeavesNoneAlone) {
  const auto handler = Make(SandboxProfile::kNone);
  ASSERT_THAT(handler->Create(), IsOk());
  for (const char* what : {"live", "read $OUT", "write $OUT", "tcp", "unix",
                           "fork", "spawn /bin/true", "signal"}) {
    EXPECT_EQ(Try(*handler, what), 0) << what;
  }
}

TEST_F(ChildSandboxTest, LetsAPluginReadWhatItBeginsWith) {
  const auto handler =
      Make(SandboxProfile::kStrict,
           absl::StrCat(R"({"first": "read )", Outside(), "\"}"));
  ASSERT_THAT(handler->Create(), IsOk());
  EXPECT_EQ(Answer(absl::StrCat("read ", Outside())), 0);
  EXPECT_EQ(Try(*handler, "read $OUT"), EPERM);
}

TEST_F(ChildSandboxTest, LetsAPluginDoNoHarmBeforeItIsCreated) {
  struct Case {
    std::string what;
    int error;
    bool needs_landlock = false;
  };
  for (const Case& c : std::vector<Case>{
           {"fork", EPERM},
           {"spawn /bin/true", EPERM},
           {"signal", EPERM},
           {"trace", EPERM},
           {"tcp", EPERM},
           {"unix", EPERM},
           {"mode " + Outside(), EPERM},
           {"write " + Outside(), EACCES, true},
           {absl::StrCat("read /proc/", getpid(), "/environ"), EACCES, true},
       }) {
    if (c.needs_landlock && support_.landlock == 0) continue;
    const auto handler = Make(SandboxProfile::kStrict,
                              absl::StrCat(R"({"first": ")", c.what, "\"}"));
    ASSERT_THAT(handler->Create(), IsOk());
    EXPECT_EQ(Answer(c.what), c.error) << c.what;
  }
}

// A thread that was started before must not see more than the others.
TEST_F(ChildSandboxTest, FencesInTheThreadsThatAPluginStartedBefore) {
  if (support_.landlock == 0) GTEST_SKIP() << WhatSandboxLacks(support_);
  for (const auto& [profile, error] :
       {std::pair(SandboxProfile::kStrict, EPERM),
        std::pair(SandboxProfile::kFiles, EACCES),
        std::pair(SandboxProfile::kNet, EACCES)}) {
    const auto handler = Make(profile, R"({"own": "thread"})");
    ASSERT_THAT(handler->Create(), IsOk());
    EXPECT_EQ(Try(*handler, "read in its thread $OUT"), error)
        << static_cast<int>(profile);
    handler->Destroy();
    EXPECT_EQ(handler->death(), std::nullopt);
  }
}

TEST_F(ChildSandboxTest, IsTheFirstThatTheKernelEnds) {
  const auto handler = Make(SandboxProfile::kStrict);
  ASSERT_THAT(handler->Create(), IsOk());
  const std::string proc = absl::StrCat("/proc/", handler->pid());
  int score = 0;
  std::ifstream(proc + "/oom_score_adj") >> score;
  EXPECT_EQ(score, 500);
  std::ifstream file(proc + "/status");
  const std::string status{std::istreambuf_iterator<char>(file), {}};
  EXPECT_THAT(status, HasSubstr("NoNewPrivs:\t1"));
  EXPECT_THAT(status, HasSubstr("Seccomp:\t2"));
  // Root's rights, but for those to files.
  EXPECT_THAT(status, ContainsRegex("CapEff:\t000000000000000[06]"));
}

TEST(DataDirTest, IsMadeOnceAndNobodyElsesToRead) {
  const ShortTempDir dir;
  const auto path = MakeDataDir(dir.path(), "a-plugin");
  ASSERT_THAT(path, IsOk());
  EXPECT_EQ(*path, dir.path() + "/plugins/a-plugin/data");
  struct stat status = {};
  ASSERT_EQ(stat(path->c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0700u);
  std::ofstream(*path + "/kept") << "x";
  EXPECT_EQ(*MakeDataDir(dir.path(), "a-plugin"), *path);
  EXPECT_EQ(access((*path + "/kept").c_str(), F_OK), 0);
}

TEST(DataDirTest, SaysWhereItCannotBe) {
  const ShortTempDir dir;
  std::ofstream(dir.path() + "/plugins") << "a file";
  EXPECT_THAT(MakeDataDir(dir.path(), "a").status(),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("/plugins/a: Not a directory")));
}

TEST(SandboxSupportTest, TellsWhatIsMissingAndWhatIsThere) {
  EXPECT_THAT(SandboxFeatures({}), IsEmpty());
  EXPECT_THAT(SandboxFeatures({.seccomp = true, .landlock = 3}),
              testing::ElementsAre("sandbox.seccomp", "sandbox.landlock.3"));
#ifndef WEIR_SANITIZER
  EXPECT_EQ(WhatSandboxLacks({.seccomp = true, .landlock = 1}), "");
  EXPECT_THAT(WhatSandboxLacks({.seccomp = true}), HasSubstr("no Landlock"));
  EXPECT_THAT(WhatSandboxLacks({.landlock = 1}), HasSubstr("no seccomp"));
  EXPECT_THAT(WhatSandboxLacks({}), StartsWith("no sandbox for plugins"));
#endif
}

}  // namespace
}  // namespace weir
