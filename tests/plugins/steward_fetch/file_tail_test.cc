#include "plugins/steward_fetch/file_tail.h"

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "plugins/steward_fetch/file_list.h"
#include "tests/support/short_temp_dir.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class FileTailTest : public testing::Test {
 protected:
  // What is done once so many lines were seen.
  using Script = std::vector<std::pair<size_t, std::function<void()>>>;

  FileTailTest() : path_(temp_.path() + "/a.log") {
    Write("old\n");
    EXPECT_EQ(files_.Add(temp_.path() + "/"), "");
  }

  void Write(std::string_view text) { std::ofstream(path_) << text; }
  void Append(std::string_view text) {
    std::ofstream(path_, std::ios::app) << text;
  }

  // Follows the file until `n` lines were seen; the test's time ends what never
  // comes. Each step is taken between two looks.
  std::vector<std::string> Follow(size_t n, Script script,
                                  size_t max_line_bytes = 1000) {
    std::vector<std::string> lines;
    size_t next = 0;
    TailLimits limits;
    limits.end = std::chrono::steady_clock::time_point::max();
    limits.max_line_bytes = max_line_bytes;
    limits.should_stop = [&] {
      if (next < script.size() && lines.size() >= script[next].first) {
        script[next++].second();
      }
      return lines.size() >= n;
    };
    EXPECT_EQ(FollowFile(files_, path_, limits,
                         [&](std::string_view line) {
                           lines.emplace_back(line);
                           return true;
                         }),
              "");
    return lines;
  }

  const ShortTempDir temp_;
  const std::string path_;
  FileList files_;
};

TEST_F(FileTailTest, GivesEachNewLineOnceItIsWhole) {
  EXPECT_THAT(Follow(4, {{0, [&] { Append("one\ntw"); }},
                         {1, [&] { Append("o\n\nlast\n"); }}}),
              ElementsAre("one\n", "two\n", "\n", "last\n"));
}

TEST_F(FileTailTest, GivesALongLineInPieces) {
  EXPECT_THAT(Follow(4, {{0, [&] { Append("abcdefgh\nabc\n"); }}}, 4),
              ElementsAre("abcd", "efgh", "\n", "abc\n"));
}

TEST_F(FileTailTest, GoesOnWithTheFileThatIsPutInItsPlace) {
  const std::string before = path_ + ".1";
  EXPECT_THAT(Follow(4, {{0, [&] { Append("one\n"); }},
                         {1,
                          [&] {
                            std::filesystem::rename(path_, before);
                            std::ofstream(before, std::ios::app) << "two\nhalf";
                            Write("three\n");
                          }}}),
              ElementsAre("one\n", "two\n", "half", "three\n"));
}

TEST_F(FileTailTest, WaitsWhileNoFileIsInItsPlace) {
  EXPECT_THAT(Follow(2, {{0, [&] { std::filesystem::remove(path_); }},
                         {0, [] {}},
                         {0, [] {}},
                         {0, [&] { Write("one\n"); }},
                         {1, [&] { Append("two\n"); }}}),
              ElementsAre("one\n", "two\n"));
}

TEST_F(FileTailTest, BeginsAnewWithAFileThatIsCut) {
  EXPECT_THAT(Follow(3, {{0, [&] { Append("a long line\n"); }},
                         {1, [&] { ASSERT_EQ(truncate(path_.c_str(), 0), 0); }},
                         {1, [] {}},
                         {1, [] {}},
                         {1, [&] { Append("b\nc\n"); }}}),
              ElementsAre("a long line\n", "b\n", "c\n"));
}

TEST_F(FileTailTest, DoesNotGoOnWithALinkThatIsPutInItsPlace) {
  std::ofstream(temp_.path() + "/secret") << "secret\n";
  EXPECT_THAT(Follow(1, {{0,
                          [&] {
                            std::filesystem::remove(path_);
                            std::filesystem::create_symlink(
                                temp_.path() + "/secret", path_);
                          }},
                         {0, [] {}},
                         {0, [] {}},
                         {0,
                          [&] {
                            std::filesystem::remove(path_);
                            Write("ours\n");
                          }}}),
              ElementsAre("ours\n"));
}

TEST_F(FileTailTest, EndsWhenItIsTold) {
  TailLimits limits;
  limits.max_line_bytes = 100;
  limits.end = std::chrono::steady_clock::now();
  const auto fail = [](std::string_view line) {
    ADD_FAILURE() << line;
    return false;
  };
  EXPECT_EQ(FollowFile(files_, path_, limits, fail), "") << "time";
  limits.end = std::chrono::steady_clock::time_point::max();
  limits.should_stop = [] { return true; };
  EXPECT_EQ(FollowFile(files_, path_, limits, fail), "") << "the host";
  int lines = 0;
  limits.should_stop = [&] {
    Append("one\ntwo\n");
    return false;
  };
  EXPECT_EQ(FollowFile(files_, path_, limits,
                       [&](std::string_view) {
                         ++lines;
                         return false;
                       }),
            "")
      << "whoever takes the lines";
  EXPECT_EQ(lines, 1);
}

TEST_F(FileTailTest, NamesAFileThatIsNotThere) {
  EXPECT_THAT(FollowFile(files_, temp_.path() + "/none", {},
                         [](std::string_view) { return true; }),
              HasSubstr("No such file"));
}

}  // namespace
}  // namespace weir
