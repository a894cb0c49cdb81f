// What `weir plugin new` writes, and what it refuses. That it builds and runs
// is the business of tests/end_to_end/sdk_test.py.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/session.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/cli/command_fixture.h"
#include "tests/support/short_temp_dir.h"

namespace weir {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

std::string Read(const std::filesystem::path& path) {
  std::ifstream file(path);
  return std::string((std::istreambuf_iterator<char>(file)), {});
}

class PluginNewCommandTest : public CommandFixture {
 protected:
  int New(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(),
                     {"plugin", "new", "--directory", dir_.path()});
    return Run(std::move(arguments));
  }

  std::filesystem::path Path(const std::string& below) const {
    return std::filesystem::path(dir_.path()) / below;
  }

  std::vector<std::string> FilesIn(const std::string& folder) const {
    std::vector<std::string> files;
    for (const auto& file : std::filesystem::directory_iterator(Path(folder))) {
      files.push_back(file.path().filename());
    }
    return files;
  }

  ShortTempDir dir_;
};

TEST_F(PluginNewCommandTest, WritesAPluginInCPlusPlus) {
  ASSERT_EQ(New({"peer-watch"}), cli::kDone) << err_.str();

  EXPECT_THAT(FilesIn("peer-watch"),
              UnorderedElementsAre("peer_watch.cc", "peer_watch_test.cc",
                                   "peer_watch.yaml", "Makefile", "BUILD.bazel",
                                   "README.md"));
  EXPECT_THAT(Read(Path("peer-watch/peer_watch.cc")),
              AllOf(HasSubstr("class PeerWatch {"),
                    HasSubstr(R"(WEIR_PLUGIN(PeerWatch, "peer-watch")")));
  EXPECT_THAT(out_.str(), HasSubstr("peer-watch/Makefile\n"));
  EXPECT_THAT(out_.str(), HasSubstr("next: make -C "));
}

TEST_F(PluginNewCommandTest, WritesAPluginInC) {
  ASSERT_EQ(New({"peer-watch", "--language", "c"}), cli::kDone) << err_.str();

  EXPECT_THAT(FilesIn("peer-watch"),
              UnorderedElementsAre("peer_watch.c", "peer_watch_test.cc",
                                   "peer_watch.yaml", "Makefile", "BUILD.bazel",
                                   "README.md"));
  EXPECT_THAT(Read(Path("peer-watch/peer_watch.c")),
              HasSubstr(R"(.name = "peer-watch")"));
}

TEST_F(PluginNewCommandTest, LeavesNothingOfTheTemplateInIt) {
  for (const std::string language : {"c", "cpp"}) {
    const std::string folder = absl::StrCat("in-", language);
    ASSERT_EQ(New({folder, "--language", language}), cli::kDone);
    for (const std::string& file : FilesIn(folder)) {
      SCOPED_TRACE(absl::StrCat(folder, "/", file));
      const std::string text = Read(Path(folder) / file);
      EXPECT_THAT(text, Not(IsEmpty()));
      EXPECT_THAT(text, AllOf(Not(HasSubstr("xample")),
                              Not(HasSubstr("Not a part of the template"))));
      EXPECT_EQ(text.back(), '\n');
    }
  }
}

TEST_F(PluginNewCommandTest, TellsProgramsWhatItWrote) {
  ASSERT_EQ(New({"x", "--json"}), cli::kDone) << err_.str();
  EXPECT_THAT(out_.str(),
              AllOf(HasSubstr("\"directory\":\""), HasSubstr("\"x.cc\""),
                    HasSubstr("\"x.yaml\"")));
}

struct GoodName {
  std::string name;
  std::string id;
  std::string stem;
  std::string class_name;
  const char* why;
};

TEST_F(PluginNewCommandTest, MakesAllFormsOfAName) {
  const std::string longest(63, 'a');
  const GoodName rows[] = {
      {"a", "a", "a", "A", "the shortest name"},
      {"peer_watch", "peer-watch", "peer_watch", "PeerWatch",
       "files may have either"},
      {"a-1_b", "a-1-b", "a_1_b", "A1B", "both at once"},
      {"3com", "3com", "3com", "Plugin3com",
       "no identifier begins with a digit"},
      {"x--y-", "x--y-", "x__y_", "XY", "words may be empty"},
      {longest, longest, longest, "A" + longest.substr(1), "the longest name"},
  };
  for (const GoodName& row : rows) {
    SCOPED_TRACE(row.why);
    ASSERT_EQ(New({row.name}), cli::kDone) << err_.str();
    const std::string source = Read(Path(row.name + "/" + row.stem + ".cc"));
    EXPECT_THAT(source, HasSubstr("class " + row.class_name + " "));
    EXPECT_THAT(source, HasSubstr("WEIR_PLUGIN(" + row.class_name + ", \"" +
                                  row.id + "\""));
  }
}

struct BadName {
  std::string name;
  const char* complaint;
  const char* why;
};

TEST_F(PluginNewCommandTest, RefusesANameThatTheHostWould) {
  const BadName rows[] = {
      {"", "\"\" is no name", "empty"},
      {"PeerWatch", "try peerwatch", "upper case"},
      {"peer watch", "try peer-watch", "a space"},
      {"../evil", "try evil", "another folder"},
      {"peer.watch", "try peer-watch", "a dot ends a stem"},
      {"_x", "try x", "does not begin with a letter or a digit"},
      {std::string(64, 'a'), "1 to 63", "too long for the plugin's note"},
      {"\x1b[2J", "\\x1b[2J", "what a terminal would act upon"},
      {"\xc3\xa4", "is no name", "letters of other scripts"},
      {".", "is no name", "the folder itself"},
  };
  for (const BadName& row : rows) {
    SCOPED_TRACE(row.why);
    EXPECT_EQ(New({row.name}), cli::kUsageError);
    EXPECT_THAT(err_.str(), HasSubstr(row.complaint));
    EXPECT_THAT(out_.str(), IsEmpty());
  }
  EXPECT_THAT(FilesIn("."), IsEmpty());
}

TEST_F(PluginNewCommandTest, OverwritesNothing) {
  ASSERT_EQ(New({"mine"}), cli::kDone);
  std::ofstream(Path("mine/mine.cc")) << "my work";

  EXPECT_EQ(New({"mine"}), cli::kRefused);

  EXPECT_THAT(err_.str(), AllOf(HasSubstr("mine: File exists"),
                                HasSubstr("take another name")));
  EXPECT_EQ(Read(Path("mine/mine.cc")), "my work");
}

TEST_F(PluginNewCommandTest, RefusesAFolderThatIsALinkToNowhere) {
  std::filesystem::create_symlink(Path("nowhere"), Path("linked"));
  EXPECT_EQ(New({"linked"}), cli::kRefused);
  EXPECT_FALSE(std::filesystem::exists(Path("nowhere")));
}

TEST_F(PluginNewCommandTest, SaysThatTheDirectoryIsNotThere) {
  EXPECT_EQ(Run({"plugin", "new", "x", "--directory", Path("no")}),
            cli::kRefused);
  EXPECT_THAT(err_.str(), AllOf(HasSubstr("/no/x: No such file or directory"),
                                HasSubstr("make the folder")));
}

TEST_F(PluginNewCommandTest, RefusesALanguageThatItDoesNotKnow) {
  EXPECT_EQ(New({"x", "--language", "rust"}), cli::kUsageError);
  EXPECT_THAT(err_.str(), HasSubstr("\"rust\" is none of c, cpp"));
}

TEST_F(PluginNewCommandTest, NeedsNoServer) {
  EXPECT_EQ(
      RunAt("127.0.0.1:1", {"plugin", "new", "x", "--directory", dir_.path()}),
      cli::kDone);
}

}  // namespace
}  // namespace weir
