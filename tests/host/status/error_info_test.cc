#include "host/status/error_info.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/status/annotate.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(ErrorInfoTest, TravelsWithTheStatus) {
  const absl::Status status = MakeError(
      absl::StatusCode::kInvalidArgument, "bad ID",
      {.reason = "INVALID_REPLAY_ID",
       .metadata = {{"field", "start.after_id"}, {"value", "7:x,\"\n"}},
       .retry_delay = absl::Milliseconds(1500),
       .field_violations = {{"start.after_id", "no epoch"}, {"", ""}}});
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument, "bad ID"));

  const std::optional<ErrorInfo> info =
      GetErrorInfo(Annotate(status, "subscribing"));
  ASSERT_TRUE(info.has_value());
  EXPECT_EQ(info->reason, "INVALID_REPLAY_ID");
  EXPECT_THAT(info->metadata, ElementsAre(Pair("field", "start.after_id"),
                                          Pair("value", "7:x,\"\n")));
  EXPECT_EQ(info->retry_delay, absl::Milliseconds(1500));
  EXPECT_THAT(info->field_violations,
              ElementsAre(Pair("start.after_id", "no epoch"), Pair("", "")));
}

TEST(ErrorInfoTest, KeepsApartNoDelayAndADelayOfNothing) {
  EXPECT_EQ(
      GetErrorInfo(MakeError(absl::StatusCode::kInternal, "", {}))->retry_delay,
      std::nullopt);
  EXPECT_EQ(GetErrorInfo(MakeError(absl::StatusCode::kInternal, "",
                                   {.retry_delay = absl::ZeroDuration()}))
                ->retry_delay,
            absl::ZeroDuration());
}

TEST(ErrorInfoTest, IsAbsentWhereNobodyAttachedIt) {
  EXPECT_EQ(GetErrorInfo(absl::NotFoundError("x")), std::nullopt);
  EXPECT_EQ(GetErrorInfo(absl::OkStatus()), std::nullopt);
}

}  // namespace
}  // namespace weir
