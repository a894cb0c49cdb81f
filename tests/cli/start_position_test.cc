#include "cli/start_position.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "weir/v1/event.pb.h"

namespace weir {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(StartPositionTest, ReadsEachOfItsForms) {
  EXPECT_TRUE(cli::ParseStartPosition("latest")->has_latest());
  EXPECT_TRUE(cli::ParseStartPosition("earliest")->has_earliest());
  EXPECT_EQ(cli::ParseStartPosition("tail=100000")->tail(), 100000);
  EXPECT_EQ(cli::ParseStartPosition("6f1c-4711")->after_id(), "6f1c-4711");
  const auto position = cli::ParseStartPosition("1970-01-01T00:01:00.5Z");
  EXPECT_EQ(position->at_time().seconds(), 60);
  EXPECT_EQ(position->at_time().nanos(), 500'000'000);
}

TEST(StartPositionTest, NamesWhatThereIsForAnythingElse) {
  for (const char* text :
       {"", "now", "tail=", "tail=0", "tail=100001", "tail=-1", "-5", "6f1c-",
        "6f1c-x", "2026-11-21", "a-b-1", "lätest-1"}) {
    EXPECT_THAT(cli::ParseStartPosition(text),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr(text), HasSubstr("earliest"),
                               HasSubstr("tail=N"))))
        << text;
  }
}

}  // namespace
}  // namespace weir
