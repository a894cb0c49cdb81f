#include "lib/client/cursor_file.h"

#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using client::CursorFile;
using testing::HasSubstr;

class CursorFileTest : public testing::Test {
 protected:
  CursorFileTest() { std::remove(path_.c_str()); }

  void Write(const std::string& text) { std::ofstream(path_) << text; }

  // Named for the test, so that tests may run side by side.
  const std::string path_ =
      testing::TempDir() +
      testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(CursorFileTest, IsEmptyBeforeItsFirstSave) {
  EXPECT_THAT(CursorFile(path_).Load(), IsOkAndHolds(std::nullopt));
}

TEST_F(CursorFileTest, HoldsWhatWasSavedLast) {
  CursorFile file(path_);
  ASSERT_THAT(file.Save("6f1c-41"), IsOk());
  ASSERT_THAT(file.Save("6f1c-4711"), IsOk());

  EXPECT_THAT(CursorFile(path_).Load(), IsOkAndHolds("6f1c-4711"));
  EXPECT_NE(access((path_ + ".next").c_str(), F_OK), 0);
}

TEST_F(CursorFileTest, RefusesWhatIsNoCursor) {
  struct Case {
    const char* why;
    std::string text;
  };
  for (const Case& c : std::vector<Case>{
           {"empty, as after a crash of a careless writer", ""},
           {"only a line end", "\n"},
           {"two lines", "6f1c-1\n6f1c-2\n"},
           {"a space inside", "6f1c 1\n"},
           {"not text", std::string("6f\0c-1", 6)},
           {"longer than any cursor", std::string(257, 'a')},
       }) {
    Write(c.text);
    EXPECT_THAT(CursorFile(path_).Load(),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(path_)))
        << c.why;
  }
}

TEST_F(CursorFileTest, TakesTheLongestCursor) {
  const std::string longest(256, 'a');
  CursorFile file(path_);
  ASSERT_THAT(file.Save(longest), IsOk());
  EXPECT_THAT(file.Load(), IsOkAndHolds(longest));
}

TEST_F(CursorFileTest, NamesThePathThatItCannotWrite) {
  EXPECT_THAT(
      CursorFile("/nowhere/at/all").Save("6f1c-1"),
      StatusIs(absl::StatusCode::kNotFound, HasSubstr("/nowhere/at/all")));
}

TEST_F(CursorFileTest, KeepsTheOldCursorWhenTheNewOneCannotBeWritten) {
  CursorFile file(path_);
  ASSERT_THAT(file.Save("6f1c-1"), IsOk());
  // A folder in the way of the new file fails for root, too.
  ASSERT_EQ(std::system(("mkdir -p " + path_ + ".next").c_str()), 0);

  EXPECT_FALSE(file.Save("6f1c-2").ok());

  EXPECT_THAT(file.Load(), IsOkAndHolds("6f1c-1"));
  ASSERT_EQ(rmdir((path_ + ".next").c_str()), 0);
}

}  // namespace
}  // namespace weir
