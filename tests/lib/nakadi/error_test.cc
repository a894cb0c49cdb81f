#include "lib/nakadi/error.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace weir::nakadi {
namespace {

using Kind = Error::Kind;

TEST(NakadiErrorTest, KeepsWhatItWasMadeOf) {
  const absl::Status status =
      MakeError(absl::StatusCode::kUnavailable, "opening",
                {.kind = Kind::kConflict,
                 .http_status = 409,
                 .detail = "No free slots. Total slots: 1",
                 .flow_id = "flow-1",
                 .retry_after = absl::Seconds(2)});
  EXPECT_EQ(status.message(),
            "opening: HTTP status 409: No free slots. Total slots: 1 "
            "(flow id flow-1)");
  const Error error = GetError(status);
  EXPECT_EQ(error.kind, Kind::kConflict);
  EXPECT_EQ(error.http_status, 409);
  EXPECT_EQ(error.detail, "No free slots. Total slots: 1");
  EXPECT_EQ(error.flow_id, "flow-1");
  EXPECT_EQ(error.retry_after, absl::Seconds(2));
}

TEST(NakadiErrorTest, IsNotBrokenByWhatAServerPutsIntoIt) {
  const Error error = GetError(MakeError(
      absl::StatusCode::kUnavailable, "commit",
      {.http_status = 500, .detail = "a\nb\n7", .flow_id = "f\n1\n2"}));
  EXPECT_EQ(error.http_status, 500);
  EXPECT_EQ(error.flow_id, "f 1 2");
  EXPECT_EQ(error.detail, "a b 7");
}

TEST(NakadiErrorTest, TakesAnyOtherStatusForANetworkThatFailed) {
  const Error error = GetError(absl::InternalError("of something else"));
  EXPECT_EQ(error.kind, Kind::kConnect);
  EXPECT_EQ(error.http_status, 0);
}

TEST(NakadiErrorTest, SaysWhatToDoAboutAStatus) {
  const std::pair<int32_t, absl::StatusCode> codes[] = {
      {400, absl::StatusCode::kInvalidArgument},
      {401, absl::StatusCode::kUnavailable},
      {403, absl::StatusCode::kPermissionDenied},
      {404, absl::StatusCode::kNotFound},
      {409, absl::StatusCode::kUnavailable},
      {412, absl::StatusCode::kInvalidArgument},
      {418, absl::StatusCode::kUnavailable},
      {422, absl::StatusCode::kInvalidArgument},
      {429, absl::StatusCode::kUnavailable},
      {500, absl::StatusCode::kUnavailable},
      {503, absl::StatusCode::kUnavailable},
  };
  for (const auto& [http, code] : codes) {
    const absl::Status status = ErrorOfAnswer("x", http, "", "", {});
    EXPECT_EQ(status.code(), code) << http;
    EXPECT_EQ(GetError(status).http_status, http);
  }
  const auto kind = [](int32_t http) {
    return GetError(ErrorOfAnswer("x", http, "", "", {})).kind;
  };
  EXPECT_EQ(kind(401), Kind::kAuth);
  EXPECT_EQ(kind(403), Kind::kAuth);
  EXPECT_EQ(kind(409), Kind::kConflict);
  EXPECT_EQ(kind(404), Kind::kHttpStatus);
}

TEST(NakadiErrorTest, FindsTheDetailInAnyBody) {
  EXPECT_EQ(DetailOf("{\"title\":\"Conflict\",\"status\":409,"
                     "\"detail\":\"No free slots\"}"),
            "No free slots");
  EXPECT_EQ(DetailOf("{\"error\":\"invalid_token\","
                     "\"error_description\":\"expired\"}"),
            "expired");
  EXPECT_EQ(DetailOf("{\"error\":\"invalid_token\"}"), "invalid_token");
  EXPECT_EQ(DetailOf("{\"title\":\"Conflict\",\"detail\":7}"), "Conflict");
  EXPECT_EQ(DetailOf("<html>\r\n <b>502 Bad Gateway</b>\n</html>\n"),
            "<html>   <b>502 Bad Gateway</b> </html>");
  EXPECT_EQ(DetailOf(""), "");
  EXPECT_EQ(DetailOf("[1,2]"), "[1,2]");
  EXPECT_EQ(DetailOf("{\"detail\":\"cut"), "{\"detail\":\"cut");
}

TEST(NakadiErrorTest, CutsALongBody) {
  const std::string detail = DetailOf(std::string(1 << 20, 'x'));
  EXPECT_GT(detail.size(), 10u);
  EXPECT_LT(detail.size(), 1000u);
  EXPECT_LT(
      DetailOf(absl::StrCat("{\"detail\":\"", std::string(1 << 20, 'x'), "\"}"))
          .size(),
      1000u);
}

}  // namespace
}  // namespace weir::nakadi
