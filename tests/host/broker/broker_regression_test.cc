// What was wrong with the event log of the program that weir grew from, and
// must not come back. One test each, named for the defect.
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/broker/broker.h"
#include "host/control/event_stream.h"
#include "host/control/stream_options.h"
#include "host/pipeline/event.h"
#include "host/pipeline/event_codec.h"
#include "tests/host/broker/broker_fixture.h"

namespace weir {
namespace {

using testing::ElementsAre;
using enum StreamItem::Kind;

// Writes of an event nothing but a dot, so that nobody can read anything back.
class MuteEventCodec final : public EventCodec {
 public:
  void AppendFramed(const Event&, absl::string_view, uint64_t, absl::Time,
                    std::string* out) const override {
    out->push_back('.');
  }
  void AppendHeadersOnly(absl::string_view framed,
                         std::string* out) const override {
    out->append(framed.data(), framed.size());
  }
  size_t FrameSize(absl::string_view) const override { return 1; }
  bool ReadFramed(absl::string_view, Event*, uint64_t*,
                  absl::Time*) const override {
    return false;
  }
};

class BrokerRegressionTest : public BrokerTest {};

// The numbers of the two logs look alike, which is how events were passed over
// in silence.
TEST_F(BrokerRegressionTest, ACursorOfBeforeARestartGetsAnExplicitGap) {
  Publish(5);
  const std::string cursor =
      Drain(*Open(From(StartPosition::Kind::kEarliest))).back().cursor;
  ASSERT_EQ(cursor, Id(5));

  Broker restarted(SmallOptions(), "9z9z9z9z", codec_, clock_);
  for (int i = 0; i < 7; ++i) {
    Event event;
    event.type = "a.b";
    event.source = "plugins/test";
    ASSERT_TRUE(restarted.Publish(std::move(event)).ok());
  }
  auto stream = restarted.Open(After(cursor), [] {});
  ASSERT_TRUE(stream.ok()) << stream.status();
  const auto items = Drain(**stream);

  ASSERT_THAT(KindsOf(items), ElementsAre(kHello, kGap, kEvents, kCaughtUp));
  EXPECT_EQ(items[1].gap.reason, StreamItem::GapReason::kEpochChanged);
  EXPECT_EQ(items[1].gap.after_id, cursor);
  EXPECT_TRUE(items[1].gap.resync_required);
  EXPECT_THAT(SeqsIn(items), ElementsAre(1, 2, 3, 4, 5, 6, 7))
      << "number 1 to 5 of this log are not those of the other";
}

// The oldest of 256 waiting events went in silence; 300 wait here.
TEST_F(BrokerRegressionTest, ASubscriberIsToldWhatIsMissingForIt) {
  const auto stream = Open(From(StartPosition::Kind::kEarliest));
  Drain(*stream);
  Publish(300);
  size_t delivered = 0;
  for (int batch = 0; batch < 5; ++batch) {
    delivered += SeqsIn(Drain(*stream)).size();
    Pass(absl::Seconds(1));  // Part of a batch waits for more to come.
  }
  EXPECT_EQ(delivered, 300) << "nothing is dropped for a slow subscriber";

  Publish(300);
  clock_.Advance(absl::Minutes(11));
  Publish(4);
  const auto items = Drain(*stream);

  ASSERT_THAT(KindsOf(items), ElementsAre(kGap, kEvents, kCaughtUp));
  EXPECT_EQ(items[0].gap.reason, StreamItem::GapReason::kRetention);
  EXPECT_EQ(items[0].gap.missing, 300);
  EXPECT_THAT(SeqsIn(items), ElementsAre(601, 602, 603, 604));
}

// There is no ID in what this log holds, so nobody can have read one to find
// the place, or to tell what comes after it.
TEST_F(BrokerRegressionTest, IdsAreNotParsedAgainForAReplay) {
  const MuteEventCodec codec;
  Broker broker(SmallOptions(), kEpoch, codec, clock_);
  for (int i = 0; i < 20; ++i) {
    Event event;
    event.type = i % 2 == 0 ? "a.b" : "c.d";
    event.source = "plugins/test";
    ASSERT_TRUE(broker.Publish(std::move(event)).ok());
  }
  for (uint64_t seq = 0; seq <= 20; ++seq) {
    auto stream = broker.Open(Only("c.d", After(Id(seq))), [] {});
    ASSERT_TRUE(stream.ok()) << stream.status();
    uint64_t n = 0;
    for (const StreamItem& item : Drain(**stream)) n += item.n_events;
    EXPECT_EQ(n, 10 - seq / 2) << "after " << seq;
  }
}

}  // namespace
}  // namespace weir
