#include "host/plugin/plugin_folder.h"

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/plugin/file_signature.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class PluginFolderTest : public testing::Test {
 protected:
  // A folder of this test's own, mode 0755.
  std::string Folder(const std::string& name) {
    const auto* const test =
        testing::UnitTest::GetInstance()->current_test_info();
    const std::string path =
        absl::StrCat(testing::TempDir(), "/", test->name(), "_", name);
    mkdir(path.c_str(), 0755);
    chmod(path.c_str(), 0755);
    return path;
  }
  static void Put(const std::string& folder, const std::string& name,
                  mode_t mode = 0644) {
    const std::string path = folder + "/" + name;
    std::ofstream(path) << "x";
    chmod(path.c_str(), mode);
  }

  PluginFolderContents ReadFolders(const std::vector<std::string>& folders) {
    return ReadPluginFolders(folders, {getuid()});
  }
};

TEST(PluginIdTest, IsTheStemWithDashes) {
  for (const auto& [module, want] :
       std::vector<std::pair<const char*, const char*>>{
           {"origin_watch.so", "origin-watch"},
           {"7days.so", "7days"},
           {"a-b_c.so", "a-b-c"},
           {"A.so", ""},
           {"_a.so", ""},
           {".so", ""},
           {"a.so.1", ""},
           {"a.b.so", ""},
           {"../a.so", ""},
           {"a", ""},
       }) {
    EXPECT_EQ(PluginIdOf(module), want) << module;
  }
  EXPECT_EQ(PluginIdOf(std::string(64, 'a') + ".so"), "");
}

TEST_F(PluginFolderTest, FindsPluginsByIdAndPassesOverTheRest) {
  const std::string folder = Folder("a");
  for (const char* name :
       {"z.so", "b_c.so", "b.yaml", "b.so.bak", ".hidden.so", "Bad.so"}) {
    Put(folder, name);
  }
  const PluginFolderContents contents = ReadFolders({folder});
  ASSERT_THAT(contents.files, SizeIs(2));
  EXPECT_EQ(contents.files[0].id, "b-c");
  EXPECT_EQ(contents.files[0].module, "b_c.so");
  EXPECT_EQ(contents.files[0].path, folder + "/b_c.so");
  EXPECT_THAT(contents.files[0].status, IsOk());
  EXPECT_THAT(contents.notices, ElementsAre(HasSubstr("Bad.so: passed over")));
}

TEST_F(PluginFolderTest, TakesTheLaterFolderForTheSameId) {
  const std::string first = Folder("a"), second = Folder("b");
  Put(first, "x.so");
  Put(second, "x.so");
  const PluginFolderContents contents = ReadFolders({first, second});
  ASSERT_THAT(contents.files, SizeIs(1));
  EXPECT_EQ(contents.files[0].path, second + "/x.so");
}

TEST_F(PluginFolderTest, IsEmptyWithoutAFolder) {
  const PluginFolderContents contents = ReadFolders({"/nowhere/at/all"});
  EXPECT_THAT(contents.files, IsEmpty());
  EXPECT_THAT(contents.notices, IsEmpty());
}

TEST_F(PluginFolderTest, RefusesAFileThatEverybodyMayWrite) {
  const std::string folder = Folder("a");
  Put(folder, "x.so", 0666);
  EXPECT_THAT(ReadFolders({folder}).files[0].status,
              StatusIs(absl::StatusCode::kPermissionDenied,
                       HasSubstr("x.so: file.mode: everybody may write it")));
}

TEST_F(PluginFolderTest, RefusesAllOfAFolderThatEverybodyMayWrite) {
  const std::string folder = Folder("a");
  Put(folder, "x.so");
  chmod(folder.c_str(), 0777);
  EXPECT_THAT(
      ReadFolders({folder}).files[0].status,
      StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("chmod o-w")));
}

TEST_F(PluginFolderTest, RefusesAnOwnerThatIsNotAllowed) {
  const std::string folder = Folder("a");
  Put(folder, "x.so");
  EXPECT_THAT(ReadPluginFolders({folder}, {getuid() + 1}).files[0].status,
              StatusIs(absl::StatusCode::kPermissionDenied,
                       HasSubstr("file.owner: owned by user")));
}

TEST_F(PluginFolderTest, RefusesTwoFilesOfOneId) {
  const std::string folder = Folder("a");
  Put(folder, "x_y.so");
  Put(folder, "x-y.so");
  const PluginFolderContents contents = ReadFolders({folder});
  ASSERT_THAT(contents.files, SizeIs(1));
  EXPECT_THAT(contents.files[0].status,
              StatusIs(absl::StatusCode::kAlreadyExists,
                       HasSubstr("x-y.so and x_y.so are both plugin x-y")));
}

TEST_F(PluginFolderTest, RefusesWhatIsNoFile) {
  const std::string folder = Folder("a");
  mkdir((folder + "/x.so").c_str(), 0755);
  EXPECT_THAT(ReadFolders({folder}).files[0].status,
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("x.so: file.type: a directory")));
}

TEST_F(PluginFolderTest, KnowsTheVersionsOfAFileAndOfItsSettings) {
  const std::string folder = Folder("a");
  Put(folder, "x_y.so");
  const PluginFile bare = ReadFolders({folder}).files[0];
  struct stat status;
  ASSERT_EQ(stat((folder + "/x_y.so").c_str(), &status), 0);
  EXPECT_EQ(bare.signature, SignatureOf(status));
  EXPECT_EQ(bare.yaml_signature, FileSignature());

  Put(folder, "x_y.yaml");
  const PluginFile with_settings = ReadFolders({folder}).files[0];
  EXPECT_EQ(with_settings.signature, bare.signature);
  EXPECT_NE(with_settings.yaml_signature, FileSignature());
  EXPECT_EQ(ReadFolders({folder}), ReadFolders({folder}));

  std::ofstream(folder + "/x_y.so") << "longer";
  const PluginFile changed = ReadFolders({folder}).files[0];
  EXPECT_NE(changed.signature, bare.signature);
  EXPECT_EQ(changed.yaml_signature, with_settings.yaml_signature);
}

TEST_F(PluginFolderTest, RefusesALinkThatLeadsNowhere) {
  const std::string folder = Folder("a");
  unlink((folder + "/x.so").c_str());
  ASSERT_EQ(symlink("x.so", (folder + "/x.so").c_str()), 0);
  EXPECT_THAT(std::string(ReadFolders({folder}).files[0].status.message()),
              HasSubstr("x.so: file.open: cannot be found"));
}

}  // namespace
}  // namespace weir
