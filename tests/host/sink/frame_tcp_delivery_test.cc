#include "host/sink/frame_tcp_delivery.h"

#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/sink/event_json.h"
#include "tests/lib/frames/frame_bytes.h"
#include "tests/support/raw_tcp.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using frames::FrameOf;
using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using Outcome = Delivery::Outcome;

v1::Event EventOf(int seq, size_t padding = 0) {
  v1::Event event;
  event.set_id(absl::StrCat("7k2mq9xv-", seq));
  event.set_type("a.b");
  event.set_json(absl::StrCat("{\"n\":\"", std::string(padding, 'x'), "\"}"));
  return event;
}

FrameTcpDeliveryOptions To(const RawTcpServer& server) {
  FrameTcpDeliveryOptions options;
  options.writer.address = server.address();
  return options;
}

Delivery::Result Deliver(FrameTcpDelivery* delivery,
                         const std::vector<v1::Event>& events) {
  std::vector<const v1::Event*> pointers;
  for (const v1::Event& event : events) pointers.push_back(&event);
  return delivery->Deliver(pointers);
}

TEST(FrameTcpDeliveryTest, AnEventIsAFrameOfJson) {
  RawTcpServer server;
  FrameTcpDelivery delivery(To(server));
  const Delivery::Result result = Deliver(&delivery, {EventOf(1), EventOf(2)});
  EXPECT_THAT(result.outcomes, Each(Outcome::kDelivered));
  EXPECT_THAT(result.error, IsOk());
  const std::string one = EventToJson(EventOf(1));
  EXPECT_EQ(result.bytes, 2 * one.size());
  const std::string want = FrameOf(one) + FrameOf(EventToJson(EventOf(2)));
  EXPECT_EQ(server.Accept().Read(want.size()), want);
}

TEST(FrameTcpDeliveryTest, OrOfASerializedMessage) {
  RawTcpServer server;
  FrameTcpDeliveryOptions options = To(server);
  options.binary = true;
  FrameTcpDelivery delivery(options);
  const Delivery::Result result = Deliver(&delivery, {EventOf(1)});
  EXPECT_THAT(result.outcomes, ElementsAre(Outcome::kDelivered));
  const std::string want = FrameOf(EventOf(1).SerializeAsString());
  EXPECT_EQ(server.Accept().Read(want.size()), want);
}

TEST(FrameTcpDeliveryTest, AnEventLongerThanAFrameIsRejectedAndTheOthersGo) {
  RawTcpServer server;
  FrameTcpDelivery delivery(To(server));
  const std::vector<v1::Event> events = {EventOf(1), EventOf(2, 5000),
                                         EventOf(3)};
  EXPECT_THAT(
      Deliver(&delivery, events).outcomes,
      ElementsAre(Outcome::kDelivered, Outcome::kHeldUp, Outcome::kHeldUp));
  const Delivery::Result result = Deliver(&delivery, {events[1], events[2]});
  EXPECT_THAT(result.outcomes,
              ElementsAre(Outcome::kRejected, Outcome::kHeldUp));
  EXPECT_THAT(
      result.error,
      StatusIs(
          absl::StatusCode::kInvalidArgument,
          AllOf(HasSubstr(absl::StrCat(EventToJson(events[1]).size(),
                                       " bytes as JSON are more than "
                                       "frame_tcp.max_message_size, 4096")),
                HasSubstr("raise it here and at the peer"))));
  EXPECT_THAT(Deliver(&delivery, {events[2]}).outcomes,
              ElementsAre(Outcome::kDelivered));
  const std::string want =
      FrameOf(EventToJson(events[0])) + FrameOf(EventToJson(events[2]));
  EXPECT_EQ(server.Accept().Read(want.size()), want);
}

TEST(FrameTcpDeliveryTest, WithoutAPeerAllHaveFailed) {
  FrameTcpDeliveryOptions options;
  {
    const RawTcpServer server;
    options = To(server);
  }
  FrameTcpDelivery delivery(options);
  const Delivery::Result result = Deliver(&delivery, {EventOf(1), EventOf(2)});
  EXPECT_THAT(result.outcomes, Each(Outcome::kFailed));
  EXPECT_THAT(result.error.message(), HasSubstr(options.writer.address));
  // It was not for the number of them.
  EXPECT_EQ(delivery.max_events(), FrameTcpDelivery::kMostEvents);
}

// Otherwise a peer that dies of one event would never get those before it.
TEST(FrameTcpDeliveryTest, AfterABrokenConnectionItTakesFewerAtOnce) {
  RawTcpServer server;
  FrameTcpDelivery delivery(To(server));
  // More than the buffers hold.
  const std::vector<v1::Event> events(10 * FrameTcpDelivery::kMostEvents,
                                      EventOf(1, 4000));
  Delivery::Result result;
  std::thread delivers([&] { result = Deliver(&delivery, events); });
  {
    RawTcp peer = server.Accept();
    peer.Read(1000);
    peer.Reset();
  }
  delivers.join();
  EXPECT_THAT(result.outcomes, Each(Outcome::kFailed));
  EXPECT_EQ(delivery.max_events(), events.size() / 2);
  EXPECT_THAT(Deliver(&delivery, {EventOf(1)}).error, IsOk());
  EXPECT_EQ(delivery.max_events(), FrameTcpDelivery::kMostEvents);
}

TEST(FrameTcpDeliveryTest, AnInterruptionEndsACallThatWaits) {
  RawTcpServer server;
  FrameTcpDelivery delivery(To(server));
  delivery.Interrupt();
  const Delivery::Result result = Deliver(&delivery, {EventOf(1)});
  EXPECT_THAT(result.outcomes, ElementsAre(Outcome::kFailed));
  EXPECT_THAT(result.error, StatusIs(absl::StatusCode::kCancelled, testing::_));
}

}  // namespace
}  // namespace weir
