#include "lib/nakadi/subscriptions.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "lib/nakadi/clock.h"
#include "lib/nakadi/error.h"
#include "lib/nakadi/http_transfer.h"
#include "tests/fakes/nakadi/fake_nakadi.h"

namespace weir::nakadi {
namespace {

class CreateOrFindTest : public testing::Test {
 protected:
  CreateOrFindTest() {
    server_.AddEventType("shop.order", 2);
    server_.AddEventType("shop.parcel", 1);
    client_.url = server_.url();
  }

  absl::StatusOr<std::string> Call(const SubscriptionSpec& spec) {
    HttpTransfer transfer(client_, false, clock_);
    return CreateOrFind(spec, client_, transfer);
  }

  // What a server that answers with `status` and `body` makes of it.
  absl::StatusOr<std::string> AnswerOf(int status, const std::string& body) {
    server_.Inject({.where = fake_nakadi::Fault::Where::kSubscription,
                    .status = status,
                    .body = body});
    return Call({.owning_application = "pump", .event_types = {"shop.order"}});
  }

  SteadyClock clock_;
  fake_nakadi::FakeNakadi server_;
  ClientOptions client_;
};

TEST_F(CreateOrFindTest, MakesASubscriptionOnceAndFindsItThen) {
  const SubscriptionSpec spec = {.owning_application = "pump",
                                 .event_types = {"shop.order", "shop.parcel"}};
  const absl::StatusOr<std::string> made = Call(spec);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(*Call(spec), *made);
  // Their order says nothing, and the group that is not named is "default".
  EXPECT_EQ(*Call({.owning_application = "pump",
                   .event_types = {"shop.parcel", "shop.order"},
                   .consumer_group = "default",
                   .read_from = "begin"}),
            *made);
}

TEST_F(CreateOrFindTest, KeepsApplicationsTypesAndGroupsApart) {
  const std::string one =
      *Call({.owning_application = "pump", .event_types = {"shop.order"}});
  EXPECT_NE(
      *Call({.owning_application = "other", .event_types = {"shop.order"}}),
      one);
  EXPECT_NE(
      *Call({.owning_application = "pump", .event_types = {"shop.parcel"}}),
      one);
  EXPECT_NE(*Call({.owning_application = "pump",
                   .event_types = {"shop.order"},
                   .consumer_group = "second"}),
            one);
}

TEST_F(CreateOrFindTest, WritesAnyNameAsJson) {
  const SubscriptionSpec spec = {.owning_application = "p\"u\\m\np \xc3\xa9",
                                 .event_types = {"shop.order"}};
  const absl::StatusOr<std::string> made = Call(spec);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(*Call(spec), *made);
}

TEST_F(CreateOrFindTest, SurfacesWhatTheServerSays) {
  const absl::Status status =
      Call({.owning_application = "pump", .event_types = {"no.such"}}).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_EQ(GetError(status).http_status, 422);
  EXPECT_TRUE(absl::StrContains(status.message(),
                                "creating or finding the subscription"));
  EXPECT_TRUE(absl::StrContains(status.message(), "not found: 'no.such'"));
}

TEST_F(CreateOrFindTest, TellsWhatToTryAgainFromWhatNot) {
  EXPECT_TRUE(absl::IsUnavailable(AnswerOf(503, "").status()));
  EXPECT_TRUE(absl::IsUnavailable(AnswerOf(409, "").status()));
  EXPECT_TRUE(absl::IsUnavailable(AnswerOf(401, "").status()));
  EXPECT_TRUE(absl::IsPermissionDenied(AnswerOf(403, "").status()));
  client_.url = "http://127.0.0.1:1";
  const absl::Status status =
      Call({.owning_application = "pump", .event_types = {"a"}}).status();
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_EQ(GetError(status).kind, Error::Kind::kConnect);
}

TEST_F(CreateOrFindTest, RefusesAnAnswerWithoutAnId) {
  for (const char* body :
       {"", "{}", "[]", "{\"id\":7}", "{\"id\":\"\"}", "<html>"}) {
    const absl::Status status = AnswerOf(200, body).status();
    EXPECT_TRUE(absl::IsUnavailable(status)) << body;
    EXPECT_EQ(GetError(status).kind, Error::Kind::kProtocol) << body;
    EXPECT_TRUE(absl::StrContains(status.message(), "has no id")) << status;
  }
}

TEST_F(CreateOrFindTest, BearsTheTokenThatThereIsByThen) {
  server_.RequireToken("right");
  std::string token = "wrong";
  client_.token = [&]() -> absl::StatusOr<std::string> { return token; };
  const SubscriptionSpec spec = {.owning_application = "pump",
                                 .event_types = {"shop.order"}};
  EXPECT_EQ(GetError(Call(spec).status()).http_status, 401);
  token = "right";
  EXPECT_TRUE(Call(spec).ok());
}

}  // namespace
}  // namespace weir::nakadi
