#include "host/plugin/module_checks.h"

#include <errno.h>
#include <sys/wait.h>

#include <algorithm>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/control/plugin_checks.h"
#include "host/plugin/module_store.h"
#include "host/plugin/plugin_slot.h"
#include "host/status/error_info.h"
#include "host/sync/system_clock.h"
#include "tests/support/child_plugin.h"
#include "tests/support/plugin_dir.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using testing::HasSubstr;
using Level = PluginCheckReport::Level;

class ModuleChecksTest : public testing::Test {
 protected:
  ModuleChecksTest() : store_(*ModuleStore::Open(dir_.state())) {
    Restart(kRunner);
  }

  void Restart(const std::string& runner) {
    checks_ = std::make_unique<ModuleChecks>(
        runner, PluginDir::Owners(), *store_, clock_,
        [this](const std::string& module) -> absl::StatusOr<PluginSlotSpec> {
          if (module == "missing.so") {
            return absl::NotFoundError("missing.so is in no folder");
          }
          return PluginSlotSpec{.id = "x",
                                .module = module,
                                .path = dir_.Path(module),
                                .allowed_sha256 = allowed_,
                                .config_json = config_};
        });
  }

  void Put(const std::string& fixture, mode_t mode = 0644) {
    dir_.Put("x.so", PluginDir::Read(FixturePath(fixture)), mode);
  }

  std::future<absl::StatusOr<PluginCheckReport>> Later(
      PluginCheckRequest request) {
    const auto promise =
        std::make_shared<std::promise<absl::StatusOr<PluginCheckReport>>>();
    checks_->Check(std::move(request),
                   [promise](absl::StatusOr<PluginCheckReport> report) {
                     promise->set_value(std::move(report));
                   });
    return promise->get_future();
  }

  absl::StatusOr<PluginCheckReport> Check(PluginCheckRequest request = {
                                              .module = "x.so"}) {
    return Later(std::move(request)).get();
  }

  // The level and message of that check; nullopt if it is not in the report.
  static std::optional<std::pair<Level, std::string>> Find(
      const PluginCheckReport& report, const std::string& check) {
    for (const auto& finding : report.findings) {
      if (finding.check == check) {
        return std::make_pair(finding.level, finding.message);
      }
    }
    return std::nullopt;
  }

  static std::string ReasonOf(const absl::Status& status) {
    const auto info = GetErrorInfo(status);
    return info.has_value() ? info->reason : "";
  }

  const PluginDir dir_;
  const SystemClock clock_;
  const std::unique_ptr<ModuleStore> store_;
  std::vector<std::string> allowed_;
  std::string config_ = "{}";
  std::unique_ptr<ModuleChecks> checks_;
};

TEST_F(ModuleChecksTest, TellWhatAModuleIsAndThatNothingIsWrongWithIt) {
  Put("says");
  const auto report = Check();
  ASSERT_THAT(report, IsOk());
  EXPECT_TRUE(report->loadable());
  EXPECT_EQ(report->sha256.size(), 64u);
  EXPECT_EQ(report->version, "2.1.0");
  EXPECT_EQ(report->abi_version, 1u);
  ASSERT_TRUE(Find(*report, "load.create").has_value());
  EXPECT_EQ(Find(*report, "load.create")->first, Level::kOk);
  // It says something that it did not declare, and would be loaded still.
  ASSERT_TRUE(Find(*report, "message.events").has_value());
  EXPECT_EQ(Find(*report, "message.events")->first, Level::kWarning);
  EXPECT_FALSE(Find(*report, "perf.time").has_value());
}

TEST_F(ModuleChecksTest, ReportWhatTheHostWouldNotLoad) {
  struct Case {
    const char* fixture;
    const char* check;
    const char* message;
  };
  for (const Case& c : std::vector<Case>{
           {"cap_0", "capacity.range", "queue_capacity is 0"},
           {"broken_schema", "config.schema", "/properties/peers/type"},
           {"no_note", "elf.note", "no weir note"},
           {"ctor_aborts", "load.dlopen", "SIGABRT at x.so+0x"},
       }) {
    Put(c.fixture);
    const auto report = Check();
    ASSERT_THAT(report, IsOk()) << c.fixture;
    EXPECT_FALSE(report->loadable()) << c.fixture;
    const auto finding = Find(*report, c.check);
    ASSERT_TRUE(finding.has_value()) << c.fixture;
    EXPECT_EQ(finding->first, Level::kError) << c.fixture;
    EXPECT_THAT(finding->second, HasSubstr(c.message));
  }
}

TEST_F(ModuleChecksTest, ReportWhatIsWrongWithTheFile) {
  Put("ok_c", 0666);
  const auto writable = Check();
  ASSERT_THAT(writable, IsOk());
  EXPECT_FALSE(writable->loadable());
  EXPECT_EQ(Find(*writable, "file.mode")->first, Level::kError);

  Put("ok_c");
  allowed_ = {std::string(64, '0')};
  const auto denied = Check();
  ASSERT_THAT(denied, IsOk());
  EXPECT_FALSE(denied->loadable());
  EXPECT_EQ(Find(*denied, "file.sha256")->first, Level::kError);
}

TEST_F(ModuleChecksTest, UseTheConfigurationThatIsAskedForOrElseTheOperators) {
  Put("segv_on_seq");
  config_ = "{\"seq\": 3}";
  const auto with_the_operators = Check();
  ASSERT_THAT(with_the_operators, IsOk());
  EXPECT_EQ(Find(*with_the_operators, "message.plain")->first, Level::kWarning);
  const auto with_another =
      Check({.module = "x.so", .config_json = "{\"seq\": 1000000}"});
  ASSERT_THAT(with_another, IsOk());
  EXPECT_EQ(Find(*with_another, "message.plain")->first, Level::kOk);
}

TEST_F(ModuleChecksTest, RefuseAnotherFileThanTheOneAskedFor) {
  Put("ok_c");
  const auto report = Check({.module = "x.so", .sha256 = std::string(64, '0')});
  EXPECT_THAT(report, StatusIs(absl::StatusCode::kFailedPrecondition,
                               HasSubstr("x.so: file.sha256: ")));
  EXPECT_EQ(ReasonOf(report.status()), "PLUGIN_DIGEST_MISMATCH");
}

TEST_F(ModuleChecksTest, SayThatThereIsNoSuchModule) {
  const auto report = Check({.module = "missing.so"});
  EXPECT_THAT(report,
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("missing.so")));
  EXPECT_EQ(ReasonOf(report.status()), "PLUGIN_MODULE_NOT_FOUND");
}

TEST_F(ModuleChecksTest, SayThatThereIsNoRunner) {
  Put("ok_c");
  Restart("/nonexistent");
  EXPECT_THAT(Check(), StatusIs(absl::StatusCode::kUnavailable,
                                HasSubstr("/nonexistent: No such file")));
}

TEST_F(ModuleChecksTest, DoNotBeginWhatNobodyWaitsForAnyMore) {
  Put("ok_c");
  const auto report = Check({.module = "x.so", .deadline = absl::UnixEpoch()});
  EXPECT_THAT(report, StatusIs(absl::StatusCode::kAborted, HasSubstr("x.so")));
  EXPECT_EQ(ReasonOf(report.status()), "PLUGIN_BUSY");
}

TEST_F(ModuleChecksTest, EndWithTheHostAndLeaveNoProcess) {
  Put("hang_in_create");
  std::vector<std::future<absl::StatusOr<PluginCheckReport>>> reports;
  for (size_t i = 0; i < ModuleChecks::kMaxWaiting + 2; ++i) {
    reports.push_back(Later({.module = "x.so"}));
  }
  // One is under way at most, so that one at least had no room.
  EXPECT_EQ(ReasonOf(reports.back().get().status()), "PLUGIN_BUSY");
  reports.pop_back();
  checks_->Stop();
  for (auto& report : reports) {
    const auto answer = report.get();
    const std::string reason = ReasonOf(answer.status());
    EXPECT_TRUE(reason == "SERVER_DRAINING" || reason == "PLUGIN_BUSY")
        << answer.status();
  }
  EXPECT_EQ(ReasonOf(Later({.module = "x.so"}).get().status()),
            "SERVER_DRAINING");
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

}  // namespace
}  // namespace weir
