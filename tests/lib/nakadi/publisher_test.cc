#include "lib/nakadi/publisher.h"

#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "lib/nakadi/clock.h"
#include "lib/nakadi/error.h"
#include "tests/fakes/nakadi/fake_nakadi.h"
#include "tests/fakes/nakadi/fault.h"

namespace weir::nakadi {
namespace {

using fake_nakadi::FakeNakadi;
using fake_nakadi::Fault;
using Status = PublishedItem::Status;

constexpr char kType[] = "net.finding";

std::string EventOf(const std::string& eid) {
  return absl::StrCat(R"({"metadata":{"eid":")", eid,
                      R"(","occurred_at":"2026-01-02T03:04:05Z"},"n":1})");
}

class PublisherTest : public testing::Test {
 protected:
  PublisherTest() {
    server_.AddEventType(kType, 1);
    server_.RequireMetadata(kType);
  }

  ClientOptions Client() const {
    ClientOptions options;
    options.url = server_.url();
    return options;
  }
  void Next(Fault fault) {
    fault.where = Fault::Where::kPublish;
    server_.Inject(std::move(fault));
  }
  std::vector<Status> Statuses() const {
    std::vector<Status> statuses;
    for (const PublishedItem& item : items_) statuses.push_back(item.status);
    return statuses;
  }
  std::vector<std::string> Stored() const {
    return server_.Published({kType, "0"});
  }

  FakeNakadi server_;
  const SteadyClock clock_;
  Publisher publisher_{Client(), kType, clock_};
  std::vector<PublishedItem> items_;
};

TEST_F(PublisherTest, StoresABatchInItsOrder) {
  ASSERT_TRUE(publisher_.Publish({EventOf("a"), EventOf("b")}, &items_).ok());
  ASSERT_TRUE(publisher_.Publish({EventOf("c")}, &items_).ok());
  EXPECT_TRUE(items_.empty());
  EXPECT_EQ(Stored(), (std::vector<std::string>{EventOf("a"), EventOf("b"),
                                                EventOf("c")}));
}

TEST_F(PublisherTest, SaysWhichEventARefusedBatchIsRefusedFor) {
  const absl::Status status =
      publisher_.Publish({EventOf("a"), R"({"n":2})", EventOf("c")}, &items_);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(GetError(status).http_status, 422);
  EXPECT_TRUE(absl::StrContains(status.message(), "[metadata] not found"))
      << status;
  EXPECT_EQ(Statuses(), (std::vector<Status>{Status::kAborted, Status::kFailed,
                                             Status::kAborted}));
  EXPECT_TRUE(items_[1].is_refused());
  EXPECT_EQ(items_[1].step, "validating");
  EXPECT_TRUE(Stored().empty());
}

TEST_F(PublisherTest, SaysWhichEventsTheStorageFailedFor) {
  Next({.what = Fault::What::kFailSome, .body = "1"});
  const absl::Status status =
      publisher_.Publish({EventOf("a"), EventOf("b"), EventOf("c")}, &items_);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(GetError(status).http_status, 207);
  EXPECT_TRUE(absl::StrContains(status.message(),
                                "1 of 3 events are not stored; the first, b, "
                                "for publishing: timed out"))
      << status;
  EXPECT_EQ(Statuses(),
            (std::vector<Status>{Status::kSubmitted, Status::kFailed,
                                 Status::kSubmitted}));
  EXPECT_FALSE(items_[1].is_refused());
  EXPECT_EQ(Stored(), (std::vector<std::string>{EventOf("a"), EventOf("c")}));
}

TEST_F(PublisherTest, HasNoItemsWhereTheServerSaysNothingOfThem) {
  struct {
    Fault fault;
    absl::StatusCode code;
  } const kCases[] = {
      {{.status = 400, .body = "{\"detail\":\"no\"}"},
       absl::StatusCode::kInvalidArgument},
      {{.status = 401}, absl::StatusCode::kUnavailable},
      {{.status = 403}, absl::StatusCode::kPermissionDenied},
      {{.status = 404}, absl::StatusCode::kNotFound},
      {{.status = 413}, absl::StatusCode::kInvalidArgument},
      {{.status = 422, .body = "{\"detail\":\"no\"}"},
       absl::StatusCode::kInvalidArgument},
      {{.status = 429, .headers = "Retry-After: 7\r\n"},
       absl::StatusCode::kUnavailable},
      {{.status = 503, .body = "<html>"}, absl::StatusCode::kUnavailable},
      {{.status = 207, .body = "[]"}, absl::StatusCode::kUnavailable},
      {{.status = 207, .body = "[{\"publishing_status\":\"maybe\"}]"},
       absl::StatusCode::kUnavailable},
      {{.what = Fault::What::kClose}, absl::StatusCode::kUnavailable},
      {{.what = Fault::What::kLoseAnswer}, absl::StatusCode::kUnavailable},
  };
  for (const auto& one : kCases) {
    Next(one.fault);
    // On a connection that it has already, libcurl would try again by itself.
    Publisher publisher(Client(), kType, clock_);
    const absl::Status status = publisher.Publish({EventOf("a")}, &items_);
    EXPECT_EQ(status.code(), one.code) << status;
    EXPECT_TRUE(items_.empty()) << status;
    if (one.fault.status == 429) {
      EXPECT_EQ(GetError(status).retry_after, absl::Seconds(7));
    }
  }
  EXPECT_EQ(Stored().size(), 1u);  // Of the answer that was lost.
}

TEST_F(PublisherTest, IsInterrupted) {
  Next({.what = Fault::What::kHang});
  std::thread stopper([this] {
    while (server_.seen().publishes == 0) std::this_thread::yield();
    publisher_.Interrupt();
  });
  const absl::Status status = publisher_.Publish({EventOf("a")}, &items_);
  stopper.join();
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled) << status;
}

TEST(ReadPublishedItems, IsNothingForWhatIsNoListOfThatManyItems) {
  const std::string one =
      R"({"publishing_status":"submitted","step":"none","eid":"e"})";
  EXPECT_EQ(ReadPublishedItems(absl::StrCat("[", one, "]"), 1).size(), 1u);
  const std::string bodies[] = {
      absl::StrCat("[", one, "]"),
      absl::StrCat("[", one, ",", one),
      "{}",
      "[1,2]",
      "",
      absl::StrCat("[", one, R"(,{"publishing_status":7}])")};
  for (const std::string& body : bodies) {
    EXPECT_TRUE(ReadPublishedItems(body, 2).empty()) << body;
  }
}

}  // namespace
}  // namespace weir::nakadi
