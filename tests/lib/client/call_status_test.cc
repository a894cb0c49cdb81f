#include "lib/client/call_status.h"

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "gtest/gtest.h"

namespace weir {
namespace {

using client::CallStatus;
using grpc::StatusCode;
using testing::ElementsAre;
using testing::Pair;
using testing::SizeIs;

TEST(CallStatusTest, HoldsEveryDetailThatTheServerAttached) {
  google::rpc::Status details;
  google::rpc::ErrorInfo info;
  info.set_reason("INVALID_FILTER_REGEX");
  (*info.mutable_metadata())["pattern"] = "(";
  details.add_details()->PackFrom(info);
  google::rpc::RetryInfo retry;
  retry.mutable_retry_delay()->set_nanos(250'000'000);
  details.add_details()->PackFrom(retry);
  google::rpc::BadRequest bad_request;
  bad_request.add_field_violations()->set_field("filters[0]");
  details.add_details()->PackFrom(bad_request);

  const CallStatus status = client::DecodeStatus(
      {StatusCode::INVALID_ARGUMENT, "no", details.SerializeAsString()});

  EXPECT_EQ(status.code, StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.message, "no");
  EXPECT_EQ(status.reason, "INVALID_FILTER_REGEX");
  EXPECT_THAT(status.metadata, ElementsAre(Pair("pattern", "(")));
  EXPECT_EQ(status.retry_delay, absl::Milliseconds(250));
  ASSERT_THAT(status.violations, SizeIs(1));
  EXPECT_EQ(status.violations[0].field, "filters[0]");
}

TEST(CallStatusTest, KeepsCodeAndMessageOfDetailsThatDoNotParse) {
  const CallStatus status =
      client::DecodeStatus({StatusCode::NOT_FOUND, "gone", "\xff\xff"});

  EXPECT_EQ(status.code, StatusCode::NOT_FOUND);
  EXPECT_EQ(status.message, "gone");
  EXPECT_EQ(status.reason, "");
}

TEST(CallStatusTest, IsWorthRetryingWhereTimeOrAnotherConnectionHelps) {
  struct Case {
    const char* why;
    CallStatus status;
    bool want;
  };
  const auto retry = absl::ZeroDuration();
  for (const Case& c : std::vector<Case>{
           {"it worked", {}, false},
           {"the server is away", {StatusCode::UNAVAILABLE}, true},
           {"full, and nobody says for how long",
            {.code = StatusCode::RESOURCE_EXHAUSTED,
            .reason = "EVENT_TOO_LARGE"},
            false},
           {"full for a moment",
            {.code = StatusCode::RESOURCE_EXHAUSTED, .retry_delay = retry},
            true},
           {"too slow, but the cursor is kept",
            {.code = StatusCode::RESOURCE_EXHAUSTED, .reason = "SLOW_CONSUMER"},
            true},
           {"gRPC's word for a broken connection",
            {StatusCode::CANCELLED},
            true},
           {"another of gRPC's words", {StatusCode::INTERNAL}, true},
           {"a reason means that the server decided it",
            {.code = StatusCode::INTERNAL, .reason = "SOMETHING"},
            false},
           {"the request is wrong", {StatusCode::INVALID_ARGUMENT}, false},
           {"the position is gone", {StatusCode::OUT_OF_RANGE}, false},
           {"not allowed", {StatusCode::PERMISSION_DENIED}, false},
           {"no token", {StatusCode::UNAUTHENTICATED}, false},
           {"an older server", {StatusCode::UNIMPLEMENTED}, false},
           {"nothing there", {StatusCode::NOT_FOUND}, false},
           {"damaged for good", {StatusCode::DATA_LOSS}, false},
       }) {
    EXPECT_EQ(client::IsWorthRetrying(c.status), c.want) << c.why;
  }
}

TEST(CallStatusTest, NamesCodesThatItKnowsAndNumbersOthers) {
  EXPECT_EQ(client::CodeName(StatusCode::OUT_OF_RANGE), "OUT_OF_RANGE");
  EXPECT_EQ(client::CodeName(StatusCode::UNAUTHENTICATED), "UNAUTHENTICATED");
  // The next one that gRPC may give out; its type holds no larger than 31.
  EXPECT_EQ(client::CodeName(static_cast<StatusCode>(17)), "CODE_17");
}

}  // namespace
}  // namespace weir
