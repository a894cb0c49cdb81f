#include "tests/component/watched_log.h"

#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "host/control/event_stream.h"
#include "host/control/stream_options.h"
#include "tests/fakes/fake_event_log.h"

namespace weir {
namespace {

StreamItem Heartbeat() {
  StreamItem item;
  item.kind = StreamItem::Kind::kHeartbeat;
  return item;
}

StreamItem End() {
  StreamItem item;
  item.kind = StreamItem::Kind::kEnd;
  item.end = absl::UnavailableError("too slow");
  return item;
}

class WatchedLogTest : public testing::Test {
 protected:
  std::unique_ptr<EventStream> Open() {
    StreamOptions options;
    options.client_name = "c1";
    return watched_.Open(std::move(options), [] {}).value();
  }
  bool Next(EventStream& stream) {
    StreamItem item;
    return stream.Next(&item);
  }

  FakeEventLog log_;
  WatchedLog watched_{log_, [] {}};
};

TEST_F(WatchedLogTest, KnowsHowMuchAStreamThatWaitsHasSaid) {
  const auto stream = Open();
  EXPECT_EQ(watched_.SaidAll("c1"), std::nullopt) << "nobody has asked it yet";
  log_.Say(Heartbeat());
  EXPECT_TRUE(Next(*stream));
  EXPECT_EQ(watched_.SaidAll("c1"), std::nullopt) << "it may have more";
  EXPECT_FALSE(Next(*stream));
  EXPECT_EQ(watched_.SaidAll("c1"), 1u);
  EXPECT_EQ(watched_.SaidAll("c2"), std::nullopt);
}

// A service asks a stream again while it is about to end the call with what the
// stream said last: its client has not heard of the end yet.
TEST_F(WatchedLogTest, DoesNotTakeTheSilenceAfterTheEndForWaiting) {
  const auto stream = Open();
  log_.Say(Heartbeat());
  log_.Say(End());
  EXPECT_TRUE(Next(*stream));
  EXPECT_TRUE(Next(*stream));
  EXPECT_FALSE(Next(*stream));
  EXPECT_EQ(watched_.SaidAll("c1"), std::nullopt);
}

TEST_F(WatchedLogTest, DoesNotTakeAStreamThatIsGoneForOneThatWaits) {
  auto stream = Open();
  EXPECT_FALSE(Next(*stream));
  EXPECT_EQ(watched_.SaidAll("c1"), 0u);
  stream = nullptr;
  EXPECT_EQ(watched_.SaidAll("c1"), std::nullopt);
}

TEST_F(WatchedLogTest, EndsAStreamWhoseConnectionBreaks) {
  const auto stream = Open();
  EXPECT_FALSE(Next(*stream));
  watched_.Break("c1");
  EXPECT_EQ(watched_.SaidAll("c1"), std::nullopt);
  EXPECT_TRUE(absl::IsUnavailable(stream->forced_end()));
  StreamItem item;
  ASSERT_TRUE(stream->Next(&item));
  EXPECT_EQ(item.kind, StreamItem::Kind::kEnd);
}

}  // namespace
}  // namespace weir
