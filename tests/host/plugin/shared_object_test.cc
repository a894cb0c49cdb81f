#include "host/plugin/shared_object.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/plugin/module_check.h"
#include "tests/support/plugin_dir.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

namespace fs = std::filesystem;

using testing::HasSubstr;

class SharedObjectTest : public testing::Test {
 protected:
  SharedObjectTest() : store_(*ModuleStore::Open(dir_.state())) {}

  StoredModule Take(const std::string& name, const std::string& fixture) {
    dir_.Put(name, PluginDir::Read("tests/fixtures/" + fixture + ".so"));
    return *store_->Add(dir_.Path(name), PluginDir::Owners());
  }
  absl::StatusOr<std::shared_ptr<const SharedObject>> Load(
      const StoredModule& module, uint64_t generation) {
    return SharedObject::Open(module, *CheckModule(module, {}),
                              *store_->MakeRunCopy(module, "x", generation));
  }

  const PluginDir dir_;
  const std::unique_ptr<ModuleStore> store_;
};

TEST_F(SharedObjectTest, IsOneLibraryForEachGenerationOfTheSameBytes) {
  const StoredModule module = Take("x.so", "ok_c");
  const auto first = Load(module, 1);
  const auto second = Load(module, 2);
  ASSERT_THAT(second, IsOk());
  // The loader would answer with the first for a link, or the same path.
  EXPECT_NE((*first)->table().create, (*second)->table().create);
  EXPECT_EQ((*first)->sha256(), module.sha256);
}

TEST_F(SharedObjectTest, SaysWhyItStaysInMemory) {
  const auto goes = Load(Take("x.so", "ok_c"), 1);
  EXPECT_EQ((*goes)->WhyPinned(), "");
  const auto stays = Load(Take("y.so", "never_unloads"), 2);
  ASSERT_THAT(stays, IsOk());
  EXPECT_EQ((*stays)->WhyPinned(), "linked with -z nodelete; link it without");
}

TEST_F(SharedObjectTest, RunsOnWhateverBecomesOfTheFile) {
  const StoredModule module = Take("x.so", "ok_c");
  const auto code = Load(module, 1);
  ASSERT_THAT(code, IsOk());
  const weir_plugin& table = (*code)->table();
  // Mapped from there, each of these would end this process at the next call.
  struct Case {
    const char* why;
    void (*harm)(const PluginDir&);
  };
  for (const Case& c : {
           Case{"copied over in place",
                [](const PluginDir& dir) {
                  dir.Put("x.so", std::string(100'000, '\xcc'));
                }},
           Case{"cut", [](const PluginDir& dir) { dir.Put("x.so", ""); }},
           Case{"deleted",
                [](const PluginDir& dir) { unlink(dir.Path("x.so").c_str()); }},
       }) {
    c.harm(dir_);
    EXPECT_EQ(table.queue_capacity(nullptr), 64) << c.why;
  }
  ASSERT_THAT(store_->Keep({}), IsOk());
  EXPECT_THAT(Load(Take("x.so", "ok_c"), 2), IsOk());
}

TEST_F(SharedObjectTest, IsTheNewCodeAfterTheFileWasReplaced) {
  const auto old_code = Load(Take("x.so", "ok_c"), 1);
  const auto new_code = Load(Take("x.so", "throws"), 2);
  ASSERT_THAT(new_code, IsOk());
  EXPECT_NE((*old_code)->sha256(), (*new_code)->sha256());
  EXPECT_NE((*old_code)->table().create, (*new_code)->table().create);
}

TEST_F(SharedObjectTest, RemovesItsRunCopyWithItsLastHolder) {
  const std::string run = dir_.state() + "/run";
  auto code = Load(Take("x.so", "ok_c"), 1);
  ASSERT_THAT(code, IsOk());
  EXPECT_TRUE(fs::exists(run + "/x.1.so"));
  code->reset();
  EXPECT_TRUE(fs::is_empty(run));
}

TEST_F(SharedObjectTest, LeavesNothingOfWhatCannotBeLoaded) {
  const StoredModule module = Take("x.so", "ok_c");
  const std::string copy = *store_->MakeRunCopy(module, "x", 1);
  unlink(copy.c_str());
  dir_.Put("../state/run/x.1.so", "not what was checked");
  EXPECT_THAT(SharedObject::Open(module, {}, copy),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("x.so: load.dlopen: ")));
  EXPECT_FALSE(fs::exists(copy));
}

}  // namespace
}  // namespace weir
