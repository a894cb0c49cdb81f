#include "host/plugin/module_check.h"

#include <fcntl.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/plugin_dir.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class ModuleCheckTest : public testing::Test {
 protected:
  ModuleCheckTest() : store_(*ModuleStore::Open(dir_.state())) {}

  // What the host makes of the file in the folder.
  absl::StatusOr<ElfReport> Look() {
    const auto module = store_->Add(dir_.Path("x.so"), PluginDir::Owners());
    if (!module.ok()) return module.status();
    return CheckModule(*module, {});
  }

  const PluginDir dir_;
  const std::unique_ptr<ModuleStore> store_;
  const std::string good_ = PluginDir::Read("tests/fixtures/ok_c.so");
};

TEST_F(ModuleCheckTest, TakesAGoodPlugin) {
  dir_.Put("x.so", good_);
  const auto report = Look();
  ASSERT_THAT(report, IsOk());
  EXPECT_STREQ(report->note.version, "1.0.0");
}

TEST_F(ModuleCheckTest, TakesOnlyTheDigestsThatAreAllowed) {
  dir_.Put("x.so", good_);
  const auto module = store_->Add(dir_.Path("x.so"), PluginDir::Owners());
  ASSERT_THAT(module, IsOk());
  EXPECT_THAT(CheckModule(*module, {std::string(64, '0'), module->sha256}),
              IsOk());
  EXPECT_THAT(CheckModule(*module, {std::string(64, '0')}),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("x.so: file.sha256: "),
                             HasSubstr(module->sha256))));
}

TEST_F(ModuleCheckTest, SaysThatAnEntryIsGone) {
  dir_.Put("x.so", good_);
  const auto module = store_->Add(dir_.Path("x.so"), PluginDir::Owners());
  ASSERT_THAT(store_->Keep({}), IsOk());
  EXPECT_THAT(CheckModule(*module, {}),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("x.so: store.read: ")));
}

// However a slow copy is caught, only the whole file may be loaded.
TEST_F(ModuleCheckTest, TakesOnlyTheLastStepOfASlowCopy) {
  dir_.Put("x.so", "");
  const int to = open(dir_.Path("x.so").c_str(), O_WRONLY | O_APPEND);
  for (size_t at = 0; at < good_.size(); at += 4096) {
    const auto report = Look();
    EXPECT_THAT(report, StatusIs(absl::StatusCode::kInvalidArgument,
                                 HasSubstr("x.so: elf.")))
        << at << " of " << good_.size() << " bytes";
    const std::string step = good_.substr(at, 4096);
    ASSERT_EQ(write(to, step.data(), step.size()),
              static_cast<ssize_t>(step.size()));
  }
  EXPECT_THAT(Look(), IsOk());
  close(to);
}

TEST_F(ModuleCheckTest, RefusesAFileThatIsCutAnywhere) {
  // A prime number, so that cuts fall anywhere within what lies aligned.
  for (size_t cut = 0; cut < good_.size(); cut += 61) {
    dir_.Put("x.so", good_.substr(0, cut));
    EXPECT_THAT(Look(), StatusIs(absl::StatusCode::kInvalidArgument,
                                 HasSubstr("x.so: elf.")))
        << "cut at " << cut << " of " << good_.size();
    ASSERT_THAT(store_->Keep({}), IsOk());
  }
  dir_.Put("x.so", good_.substr(0, good_.size() - 1));
  EXPECT_THAT(Look(), StatusIs(absl::StatusCode::kInvalidArgument,
                               HasSubstr("elf.bounds")));
}

}  // namespace
}  // namespace weir
