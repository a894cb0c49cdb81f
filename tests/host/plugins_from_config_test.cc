#include "host/plugins_from_config.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/config/environment.h"
#include "host/config/load_config.h"
#include "host/status/error_info.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using testing::_;
using testing::HasSubstr;
using testing::SizeIs;

class PluginsFromConfigTest : public testing::Test {
 protected:
  PluginsFromConfigTest() : folder_(testing::TempDir() + "/plugins") {
    std::filesystem::create_directory(folder_);
    chmod(folder_.c_str(), 0755);
    Write("x.so", "no plugin at all");
    Load("");
  }

  void Write(const std::string& name, const std::string& text) {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path) << text;
    chmod(path.c_str(), 0644);
  }
  // With `more` under `plugins`.
  void Load(const std::string& more) {
    const ConfigResult result = LoadConfigText(
        "plugins:\n  folders: [" + folder_ + "]\n" + more, environment_);
    ASSERT_TRUE(result.ok()) << ToString(result.errors.at(0), "the test's");
    config_ = result.config;
  }
  PluginSlotSpec Spec() {
    const PluginPlan plan = PlanPlugins(config_, environment_, /*seed=*/1);
    EXPECT_THAT(plan.specs, SizeIs(1));
    return plan.specs.at(0);
  }
  static std::string Settings(uint32_t capacity) {
    v1::PluginSettings settings;
    settings.set_capacity(capacity);
    return settings.SerializeAsString();
  }

  // Whoever runs the test owns the files.
  const Environment environment_ = {
      .variable = [](absl::string_view) { return std::nullopt; },
      .host_name = "h",
      .user = getpwuid(geteuid())->pw_name};
  const std::string folder_;
  v1::HostConfig config_;
};

TEST_F(PluginsFromConfigTest, TellsFilesApartByWhatTheySay) {
  Write("x.yaml", "settings: {capacity: 5}\n");
  const PluginSlotSpec first = Spec();
  Write("x.yaml", "# The same.\nsettings:\n  capacity: 5\n");
  EXPECT_EQ(Spec().file_settings_sha256, first.file_settings_sha256);
  Load("  defaults: {hard_deadline: 20s}\n");
  EXPECT_EQ(Spec().options.hard_deadline, absl::Seconds(20));
  EXPECT_EQ(Spec().file_settings_sha256, first.file_settings_sha256)
      << "it does not say so itself";
  Write("x.yaml", "settings: {capacity: 6}\n");
  EXPECT_NE(Spec().file_settings_sha256, first.file_settings_sha256);
  Write("x.yaml", "settings: {capacity: 5}\nconfig: {n: 1}\n");
  EXPECT_EQ(Spec().file_settings_sha256, first.file_settings_sha256)
      << "the plugin's own is another matter";
  EXPECT_EQ(Spec().config_json, R"({"n":1})");
}

TEST_F(PluginsFromConfigTest, LaysWhatIsSetOverWhatTheFilesSay) {
  Write("x.yaml", "settings: {capacity: 5, policy: block}\n");
  const ConfiguredSlotSettings settings(config_, /*seed=*/1);
  const PluginSlotSpec spec = Spec();
  auto set = settings.Merge("", Settings(7), {});
  ASSERT_THAT(set, IsOk());
  auto options = settings.Apply(spec, *set);
  ASSERT_THAT(options, IsOk());
  PluginSlotOptions want = spec.options;
  want.capacity = 7;
  EXPECT_EQ(*options, want);
  set = settings.Merge(*set, "", {"capacity"});
  ASSERT_THAT(set, IsOk());
  EXPECT_EQ(*settings.Apply(spec, *set), spec.options);
}

TEST_F(PluginsFromConfigTest, MergesTheFieldsThatAreNamedAndNoOthers) {
  const ConfiguredSlotSettings settings(config_, /*seed=*/1);
  v1::PluginSettings change;
  change.set_capacity(7);
  change.set_policy(v1::QUEUE_POLICY_BLOCK);
  const auto merged =
      settings.Merge(Settings(5), change.SerializeAsString(), {"policy"});
  ASSERT_THAT(merged, IsOk());
  change.set_capacity(5);
  EXPECT_EQ(*merged, change.SerializeAsString());
  EXPECT_FALSE(settings.Merge("\xff", "", {}).ok());
}

TEST_F(PluginsFromConfigTest, RefusesToBlockASourceThatCannotWait) {
  const ConfiguredSlotSettings settings(config_, /*seed=*/1);
  v1::SourceConfig* source = config_.add_sources();
  source->set_id("orders");
  source->mutable_nats();
  v1::PluginSettings set;
  set.set_policy(v1::QUEUE_POLICY_BLOCK);
  auto options = settings.Apply(Spec(), set.SerializeAsString());
  ASSERT_THAT(options,
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("source \"orders\" has no flow control")));
  const auto info = GetErrorInfo(options.status());
  EXPECT_EQ(info->reason, "POLICY_NEEDS_FLOW_CONTROL");
  EXPECT_EQ(info->metadata.at("name"), "plugins/x");
  EXPECT_EQ(info->metadata.at("source"), "sources/orders");
  // Where more is wrong, all of it is told.
  set.set_capacity(0);
  options = settings.Apply(Spec(), set.SerializeAsString());
  ASSERT_THAT(options, StatusIs(absl::StatusCode::kInvalidArgument, _));
  EXPECT_THAT(GetErrorInfo(options.status())->field_violations, SizeIs(2));
}

TEST_F(PluginsFromConfigTest, TellsEveryFaultByItsField) {
  const ConfiguredSlotSettings settings(config_, /*seed=*/1);
  v1::PluginSettings set;
  set.set_capacity(0);
  set.mutable_drain_timeout()->set_seconds(100);
  const auto options = settings.Apply(Spec(), set.SerializeAsString());
  ASSERT_THAT(options, StatusIs(absl::StatusCode::kInvalidArgument,
                                HasSubstr("settings.capacity")));
  EXPECT_THAT(GetErrorInfo(options.status())->field_violations, SizeIs(2));
}

}  // namespace
}  // namespace weir
