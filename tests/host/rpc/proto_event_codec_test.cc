#include "host/rpc/proto_event_codec.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "weir/v1/event.pb.h"

namespace weir {
namespace {

using ::testing::ElementsAre;

Event Hijack() {
  Event event;
  event.type = "hijack.origin";
  event.source = "plugins/origin-watch";
  event.subject = "192.0.2.0/24";
  event.severity = Severity::kError;
  event.event_time = absl::FromUnixMillis(1789019601670);
  event.json = R"({"origin":64500})";
  event.labels = {{"rule", "ours"}};
  event.prefixes.push_back({4, 24, WEIR_NO_NEXT_HOP, {192, 0, 2}});
  event.prefixes.push_back({6, 32, WEIR_NO_NEXT_HOP, {0x20, 0x01, 0x0d, 0xb8}});
  event.as_numbers = {64496, 4200000002};
  return event;
}

TEST(ProtoEventCodecTest, FramedEventsAreTheBeginningOfAResponse) {
  const ProtoEventCodec codec;
  std::string bytes;
  codec.AppendFramed(Hijack(), "e-1", 1, absl::FromUnixSeconds(5), &bytes);
  codec.AppendFramed({.type = "a"}, "e-2", 2, absl::FromUnixSeconds(6), &bytes);
  v1::SubscribeResponse response;
  ASSERT_TRUE(response.ParseFromString(bytes));
  ASSERT_EQ(response.events_size(), 2);
  const v1::Event& event = response.events(0);
  EXPECT_EQ(event.id(), "e-1");
  EXPECT_EQ(event.seq(), 1u);
  EXPECT_EQ(event.severity(), v1::SEVERITY_ERROR);
  EXPECT_EQ(event.event_time().seconds(), 1789019601);
  EXPECT_EQ(event.event_time().nanos(), 670000000);
  EXPECT_EQ(event.json(), R"({"origin":64500})");
  EXPECT_EQ(event.labels().at("rule"), "ours");
  EXPECT_THAT(event.prefixes(), ElementsAre("192.0.2.0/24", "2001:db8::/32"));
  EXPECT_THAT(event.as_numbers(), ElementsAre(64496, 4200000002));
  EXPECT_FALSE(response.events(1).has_event_time());
}

TEST(ProtoEventCodecTest, HeadersOnlyLeavesPayloadAndLabelsOut) {
  const ProtoEventCodec codec;
  std::string bytes;
  codec.AppendFramed(Hijack(), "e-1", 1, absl::FromUnixSeconds(5), &bytes);
  std::string headers;
  codec.AppendHeadersOnly(bytes, &headers);
  v1::SubscribeResponse response;
  ASSERT_TRUE(response.ParseFromString(headers));
  const v1::Event& event = response.events(0);
  EXPECT_EQ(event.data_case(), v1::Event::DATA_NOT_SET);
  EXPECT_TRUE(event.labels().empty());
  EXPECT_EQ(event.id(), "e-1");
  EXPECT_THAT(event.prefixes(), ElementsAre("192.0.2.0/24", "2001:db8::/32"));
}

}  // namespace
}  // namespace weir
