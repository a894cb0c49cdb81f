#include "host/rpc/proto_subscription_codec.h"

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "host/control/subscriptions.h"

namespace weir {
namespace {

TEST(ProtoSubscriptionCodecTest, ReadsBackWhatOutlivesARestart) {
  Subscription written;
  written.name = "subscriptions/noc";
  written.display_name = "NOC";
  written.filters.emplace_back().types = {"hijack.*"};
  written.max_unacked_events = 5;
  written.gap_policy = GapPolicy::kFail;
  written.idle_ttl = absl::Hours(1);
  written.labels = {{"team", "noc"}};
  written.create_time = absl::FromUnixSeconds(10);
  written.update_time = absl::FromUnixSeconds(11);
  written.last_ack_time = absl::FromUnixSeconds(12);
  written.gap_count = 3;
  written.missed_events = 4;
  written.etag = "\"7\"";
  written.ack_cursor = "7k2mq9xv-9";  // Kept elsewhere.

  const ProtoSubscriptionCodec codec;
  const std::optional<Subscription> read = codec.Read(codec.Write(written));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->name, written.name);
  EXPECT_EQ(read->display_name, written.display_name);
  ASSERT_EQ(read->filters.size(), 1u);
  EXPECT_EQ(read->filters[0].types, written.filters[0].types);
  EXPECT_EQ(read->max_unacked_events, 5u);
  EXPECT_EQ(read->gap_policy, GapPolicy::kFail);
  EXPECT_EQ(read->idle_ttl, absl::Hours(1));
  EXPECT_EQ(read->labels, written.labels);
  EXPECT_EQ(read->create_time, written.create_time);
  EXPECT_EQ(read->update_time, written.update_time);
  EXPECT_EQ(read->last_ack_time, written.last_ack_time);
  EXPECT_EQ(read->gap_count, 3u);
  EXPECT_EQ(read->missed_events, 4u);
  EXPECT_EQ(read->etag, written.etag);
  EXPECT_EQ(read->ack_cursor, "");
}

TEST(ProtoSubscriptionCodecTest, DoesNotReadWhatIsNone) {
  EXPECT_FALSE(ProtoSubscriptionCodec().Read("\xff\xff").has_value());
}

}  // namespace
}  // namespace weir
