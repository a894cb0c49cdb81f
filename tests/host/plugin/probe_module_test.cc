#include "host/plugin/probe_module.h"

#include <vector>

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

TEST(ProbeModuleTest, TellsThatThereIsNoRunner) {
  EXPECT_THAT(ProbeModule("/nonexistent", FixturePath("ok_c"), kLong),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("/nonexistent: No such file")));
}

}  // namespace
}  // namespace weir
