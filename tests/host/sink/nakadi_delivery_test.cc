#include "host/sink/nakadi_delivery.h"

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/nakadi/fake_nakadi.h"
#include "tests/fakes/nakadi/fault.h"

namespace weir {
namespace {

using fake_nakadi::FakeNakadi;
using fake_nakadi::Fault;
using testing::ElementsAre;
using testing::HasSubstr;
using Outcome = Delivery::Outcome;

constexpr char kType[] = "net.finding";

v1::Event EventOf(int seq) {
  v1::Event event;
  event.set_id(absl::StrCat("7k2mq9xv-", seq));
  event.mutable_append_time()->set_seconds(1767323045);
  event.set_type("a.b");
  event.set_json("{\"n\":1}");
  return event;
}

class NakadiDeliveryTest : public testing::Test {
 protected:
  NakadiDeliveryTest() {
    server_.AddEventType(kType, 1);
    server_.RequireMetadata(kType);
    NakadiDeliveryOptions options;
    options.client.url = server_.url();
    options.client.flow_id_prefix = "weir-n1";
    options.event_type = kType;
    delivery_ = std::make_unique<NakadiDelivery>(options);
  }

  void Next(Fault fault) {
    fault.where = Fault::Where::kPublish;
    server_.Inject(std::move(fault));
  }

  Delivery::Result Deliver(const std::vector<v1::Event>& events) {
    std::vector<const v1::Event*> pointers;
    for (const v1::Event& event : events) pointers.push_back(&event);
    return delivery_->Deliver(pointers);
  }

  std::vector<std::string> Stored() const {
    return server_.Published({kType, "0"});
  }

  FakeNakadi server_;
  std::unique_ptr<NakadiDelivery> delivery_;
};

TEST(NakadiEvent, HasMetadataThatAreTheSameForEachDelivery) {
  v1::Event event = EventOf(42);
  EXPECT_EQ(NakadiEvent(event),
            R"({"metadata":{"eid":"86377c20-538d-5fa8-9468-32fba5f5caa3",)"
            R"("occurred_at":"2026-01-02T03:04:05.000000Z"},)"
            R"("id":"7k2mq9xv-42","append_time":"2026-01-02T03:04:05Z",)"
            R"("type":"a.b","data":{"n":1}})");
  event.mutable_event_time()->set_seconds(1767323044);
  event.mutable_event_time()->set_nanos(250'000'000);
  EXPECT_THAT(NakadiEvent(event),
              HasSubstr("\"occurred_at\":\"2026-01-02T03:04:04.250000Z\""));
}

TEST_F(NakadiDeliveryTest, PublishesABatch) {
  const Delivery::Result result = Deliver({EventOf(1), EventOf(2)});
  EXPECT_THAT(result.outcomes,
              ElementsAre(Outcome::kDelivered, Outcome::kDelivered));
  EXPECT_TRUE(result.error.ok());
  EXPECT_THAT(Stored(),
              ElementsAre(NakadiEvent(EventOf(1)), NakadiEvent(EventOf(2))));
  EXPECT_EQ(result.bytes,
            NakadiEvent(EventOf(1)).size() + NakadiEvent(EventOf(2)).size());
  EXPECT_EQ(server_.seen().publishes, 1u);
  EXPECT_THAT(server_.seen().last_publish_request,
              HasSubstr("weir-n1-publish"));
}

TEST_F(NakadiDeliveryTest, SaysWhatTheStorageFailedFor) {
  Next({.what = Fault::What::kFailSome, .body = "0"});
  const Delivery::Result result = Deliver({EventOf(1), EventOf(2)});
  EXPECT_THAT(result.outcomes,
              ElementsAre(Outcome::kFailed, Outcome::kDelivered));
  EXPECT_THAT(result.error.message(), HasSubstr("timed out"));
  EXPECT_THAT(Stored(), ElementsAre(NakadiEvent(EventOf(2))));
}

TEST_F(NakadiDeliveryTest, RejectsWhatTheServerRefusesAndHoldsTheOthersUp) {
  Next({.status = 422,
        .body = R"([{"publishing_status":"aborted","step":"none"},)"
                R"({"publishing_status":"failed","step":"validating",)"
                R"("detail":"#: extraneous key [data]"}])"});
  const Delivery::Result result = Deliver({EventOf(1), EventOf(2)});
  EXPECT_THAT(result.outcomes,
              ElementsAre(Outcome::kHeldUp, Outcome::kRejected));
  EXPECT_THAT(result.error.message(), HasSubstr("extraneous key [data]"));
}

TEST_F(NakadiDeliveryTest, HalvesWhatIsRefusedAsAWholeUntilItKnowsTheEvent) {
  // 5 events; 3 is the one: [1..5] no, [1,2] yes, [3..5] no, [3] no, [4,5] yes.
  Next({.status = 413});
  Next({.what = Fault::What::kFailSome, .body = ""});
  Next({.status = 413});
  Next({.status = 413});
  const Delivery::Result result =
      Deliver({EventOf(1), EventOf(2), EventOf(3), EventOf(4), EventOf(5)});
  EXPECT_THAT(
      result.outcomes,
      ElementsAre(Outcome::kDelivered, Outcome::kDelivered, Outcome::kRejected,
                  Outcome::kDelivered, Outcome::kDelivered));
  EXPECT_EQ(server_.seen().publishes, 5u);
  EXPECT_EQ(Stored().size(), 4u);
}

TEST_F(NakadiDeliveryTest, DoesNotPassWhatFailedBehindAHalf) {
  Next({.status = 413});
  Next({.status = 503});
  const Delivery::Result result =
      Deliver({EventOf(1), EventOf(2), EventOf(3), EventOf(4)});
  EXPECT_THAT(result.outcomes, ElementsAre(Outcome::kFailed, Outcome::kFailed,
                                           Outcome::kHeldUp, Outcome::kHeldUp));
  EXPECT_TRUE(Stored().empty());
}

TEST_F(NakadiDeliveryTest, FailsForWhatMayBeMended) {
  for (const int status : {401, 403, 404, 429, 500, 503}) {
    Next({.status = status,
          .body = "{\"detail\":\"for a reason\"}",
          .headers = "Retry-After: 3\r\n"});
    const Delivery::Result result = Deliver({EventOf(1), EventOf(2)});
    EXPECT_THAT(result.outcomes,
                ElementsAre(Outcome::kFailed, Outcome::kFailed));
    EXPECT_THAT(result.error.message(), HasSubstr(absl::StrCat(status)));
    EXPECT_THAT(result.error.message(), HasSubstr("for a reason"));
    EXPECT_EQ(result.retry_after, absl::Seconds(3));
  }
  EXPECT_TRUE(Stored().empty());
}

TEST_F(NakadiDeliveryTest, FailsForAnAnswerThatWasLost) {
  Next({.what = Fault::What::kLoseAnswer});
  EXPECT_THAT(Deliver({EventOf(1)}).outcomes, ElementsAre(Outcome::kFailed));
  // The next try stores it once more, with the same eid.
  EXPECT_THAT(Deliver({EventOf(1)}).outcomes, ElementsAre(Outcome::kDelivered));
  EXPECT_THAT(Stored(),
              ElementsAre(NakadiEvent(EventOf(1)), NakadiEvent(EventOf(1))));
}

TEST_F(NakadiDeliveryTest, IsInterrupted) {
  Next({.what = Fault::What::kHang});
  std::thread stopper([this] {
    while (server_.seen().publishes == 0) std::this_thread::yield();
    delivery_->Interrupt();
  });
  const Delivery::Result result = Deliver({EventOf(1)});
  stopper.join();
  EXPECT_THAT(result.outcomes, ElementsAre(Outcome::kFailed));
  EXPECT_TRUE(absl::IsCancelled(result.error)) << result.error;
}

}  // namespace
}  // namespace weir
