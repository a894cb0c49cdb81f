// The contract of Subscribe, statement by statement.
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/control/event_stream.h"
#include "host/control/stream_options.h"
#include "host/status/error_info.h"
#include "tests/fakes/fake_event_codec.h"
#include "tests/host/broker/broker_fixture.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;
using testing::UnorderedElementsAre;
using enum StartPosition::Kind;
using enum StreamItem::Kind;

class StreamContractTest : public BrokerTest {
 protected:
  // Fills the ring until positions 1 to 8 are gone.
  void EvictTwoChunks() {
    Publish(8);
    clock_.Advance(absl::Minutes(11));
    Publish(4);
    ASSERT_EQ(broker_.Info().earliest_id, Id(9));
  }
};

TEST_F(StreamContractTest, S1HelloComesFirstAndOnceAndItemsAreCounted) {
  Publish(10);
  StreamOptions options = From(kEarliest);
  options.batch.max_events = 3;
  const auto stream = Open(options);
  auto items = Drain(*stream);
  Publish(1);
  Pass(absl::Seconds(1));
  for (const StreamItem& item : Drain(*stream)) items.push_back(item);

  EXPECT_THAT(KindsOf(items), ElementsAre(kHello, kEvents, kEvents, kEvents,
                                          kEvents, kCaughtUp, kEvents));
  for (size_t i = 0; i < items.size(); ++i) {
    EXPECT_EQ(items[i].batch_index, i + 1);
    EXPECT_FALSE(items[i].cursor.empty()) << i;
  }
  EXPECT_EQ(items[0].hello.epoch, kEpoch);
  EXPECT_EQ(items[0].hello.start_cursor, Id(0));
  EXPECT_EQ(items[0].hello.earliest_id, Id(1));
  EXPECT_EQ(items[0].hello.latest_id, Id(10));
  EXPECT_EQ(items[0].hello.backlog_events, 10);
  EXPECT_EQ(items[0].hello.batch.max_events, 3);
  EXPECT_EQ(items[0].hello.heartbeat_interval, absl::Seconds(15));
}

TEST_F(StreamContractTest, S2EventsAreTheFilteredLogOnceAndInOrder) {
  for (int i = 0; i < 7; ++i) {
    Publish(1, "a.b");
    Publish(2, "c.d");
  }
  const auto all = Open(From(kEarliest));
  const auto some = Open(Only("a.*"));

  std::vector<uint64_t> numbers;
  for (uint64_t seq = 1; seq <= 21; ++seq) numbers.push_back(seq);
  EXPECT_EQ(SeqsIn(Drain(*all)), numbers);
  EXPECT_THAT(SeqsIn(Drain(*some)), ElementsAre(1, 4, 7, 10, 13, 16, 19));
}

TEST_F(StreamContractTest, S2AGapAccountsForWhatIsMissing) {
  EvictTwoChunks();
  const auto stream = Open(After(Id(3)));
  const auto items = Drain(*stream);

  ASSERT_THAT(KindsOf(items), ElementsAre(kHello, kGap, kEvents, kCaughtUp));
  EXPECT_EQ(items[1].gap.reason, StreamItem::GapReason::kRetention);
  EXPECT_EQ(items[1].gap.after_id, Id(3));
  EXPECT_EQ(items[1].gap.before_id, Id(9));
  EXPECT_EQ(items[1].gap.missing, 5);
  EXPECT_EQ(items[1].cursor, Id(8));
  EXPECT_THAT(SeqsIn(items), ElementsAre(9, 10, 11, 12));
}

TEST_F(StreamContractTest, S3ComingBackWithAnyCursorOrIdGoesOnThere) {
  for (int i = 0; i < 6; ++i) {
    Publish(2, "a.b");
    Publish(1, "c.d");
  }
  for (uint64_t seq = 0; seq <= 18; ++seq) {
    const auto stream = Open(Only("c.d", After(Id(seq))));
    std::vector<uint64_t> want;
    for (uint64_t s = seq + 1; s <= 18; ++s) {
      if (s % 3 == 0) want.push_back(s);
    }
    EXPECT_EQ(SeqsIn(Drain(*stream)), want) << "after " << seq;
  }
}

TEST_F(StreamContractTest, S4TheCursorIsNeverAheadOfAnUndeliveredMatch) {
  Publish(9, "a.b");
  Publish(3, "c.d");
  Publish(2, "a.b");
  StreamOptions options = Only("c.d");
  options.batch.max_events = 1;
  const auto stream = Open(options);
  const auto items = Drain(*stream);

  ASSERT_THAT(KindsOf(items),
              ElementsAre(kHello, kEvents, kEvents, kEvents, kCaughtUp));
  EXPECT_EQ(items[1].cursor, Id(10));
  EXPECT_EQ(items[2].cursor, Id(11));
  EXPECT_EQ(items[4].cursor, Id(14)) << "what was filtered out is behind us";
}

TEST_F(StreamContractTest, S4AHeartbeatMovesPastWhatWasFilteredOut) {
  const auto stream = Open(Only("c.d"));
  Drain(*stream);
  Publish(5, "a.b");
  Pass(absl::Seconds(15));
  const auto items = Drain(*stream);

  ASSERT_THAT(KindsOf(items), ElementsAre(kHeartbeat));
  EXPECT_EQ(items[0].cursor, Id(5));
  EXPECT_EQ(items[0].latest_id, Id(5));
  EXPECT_EQ(items[0].lag_events, 0);
}

TEST_F(StreamContractTest, S4AHeartbeatIsNotAheadOfWhatIsHeldBack) {
  // The seventh beats an eighth of a second early, before its hold ends.
  StreamOptions options;
  options.batch.max_delay = absl::Seconds(1);
  options.heartbeat_interval = absl::Seconds(1);
  std::vector<std::unique_ptr<EventStream>> others;
  for (int i = 0; i < 6; ++i) others.push_back(Open());
  const auto stream = Open(options);
  Drain(*stream);
  Publish(1);
  ASSERT_THAT(SeqsIn(Drain(*stream)), ElementsAre(1));
  Publish(2);
  clock_.Advance(absl::Milliseconds(900));
  const auto items = Drain(*stream);

  ASSERT_THAT(KindsOf(items), ElementsAre(kHeartbeat));
  EXPECT_EQ(items[0].cursor, Id(1)) << "2 and 3 were not sent";
  EXPECT_EQ(items[0].latest_id, Id(3));
  EXPECT_EQ(items[0].lag_events, 2);
  EXPECT_THAT(SeqsIn(Drain(*Open(After(items[0].cursor)))), ElementsAre(2, 3));
}

TEST_F(StreamContractTest, S4CaughtUpIsNotAheadOfWhatCameMeanwhile) {
  Publish(3);
  StreamOptions options = From(kEarliest);
  options.stop_at_latest = true;
  const auto stream = Open(options);
  Publish(2);
  const auto items = Drain(*stream);

  ASSERT_THAT(KindsOf(items), ElementsAre(kHello, kEvents, kCaughtUp, kEnd));
  EXPECT_EQ(items[2].cursor, Id(3)) << "4 and 5 were not sent";
}

TEST_F(StreamContractTest, S5CaughtUpIsSaidAtTheHeadAndAgainAfterAFall) {
  Publish(3);
  const auto stream = Open(From(kEarliest));
  EXPECT_THAT(KindsOf(Drain(*stream)), ElementsAre(kHello, kEvents, kCaughtUp));
  Publish(6);
  clock_.Advance(absl::Minutes(11));
  Publish(4);
  const auto items = Drain(*stream);

  ASSERT_THAT(KindsOf(items), ElementsAre(kGap, kEvents, kCaughtUp));
  EXPECT_EQ(items[2].latest_id, Id(13));
  EXPECT_THAT(KindsOf(Drain(*stream)), IsEmpty());
}

TEST_F(StreamContractTest, S5CaughtUpIsSaidAtOnceForAnEmptyLog) {
  const auto stream = Open();
  const auto items = Drain(*stream);
  ASSERT_THAT(KindsOf(items), ElementsAre(kHello, kCaughtUp));
  EXPECT_EQ(items[1].latest_id, "");
  EXPECT_EQ(items[1].cursor, Id(0));
}

TEST_F(StreamContractTest, S6ThreeReasonsWhyAPositionIsGoneAsErrors) {
  EvictTwoChunks();
  struct Case {
    const char* why;
    std::string after_id;
    std::string reason;
    std::map<std::string, std::string> metadata;
  };
  for (const Case& c : std::vector<Case>{
           {"evicted",
            Id(3),
            "REPLAY_POSITION_EXPIRED",
            {{"cursor", Id(3)}, {"earliest_id", Id(9)}, {"latest_id", Id(12)}}},
           {"the last position that is gone",
            Id(7),
            "REPLAY_POSITION_EXPIRED",
            {{"cursor", Id(7)}, {"earliest_id", Id(9)}, {"latest_id", Id(12)}}},
           {"another log",
            "00000000-3",
            "REPLAY_EPOCH_MISMATCH",
            {{"cursor", "00000000-3"},
             {"epoch", kEpoch},
             {"earliest_id", Id(9)},
             {"latest_id", Id(12)}}},
           {"not there yet",
            Id(13),
            "REPLAY_POSITION_IN_FUTURE",
            {{"cursor", Id(13)}, {"latest_id", Id(12)}}},
       }) {
    StreamOptions options = After(c.after_id);
    options.gap_policy = GapPolicy::kFail;
    const auto stream = broker_.Open(options, [] {});
    EXPECT_EQ(stream.status().code(), absl::StatusCode::kOutOfRange) << c.why;
    EXPECT_EQ(InfoOf(stream.status()).reason, c.reason) << c.why;
    EXPECT_EQ(InfoOf(stream.status()).metadata, c.metadata) << c.why;
    EXPECT_FALSE(InfoOf(stream.status()).retry_delay.has_value()) << c.why;
  }
  StreamOptions options = After(Id(8));
  options.gap_policy = GapPolicy::kFail;
  EXPECT_THAT(SeqsIn(Drain(*Open(options))), ElementsAre(9, 10, 11, 12));
}

TEST_F(StreamContractTest, S6ThreeReasonsWhyAPositionIsGoneAsGaps) {
  EvictTwoChunks();
  struct Case {
    const char* why;
    std::string after_id;
    GapPolicy policy;
    StreamItem::GapReason reason;
    uint64_t missing;
    bool resync;
    uint64_t goes_on_after;
  };
  using enum StreamItem::GapReason;
  for (const Case& c : std::vector<Case>{
           {"evicted", Id(3), GapPolicy::kNotify, kRetention, 5, false, 8},
           {"evicted, and skip", Id(3), GapPolicy::kNotifySkipToLatest,
            kRetention, 9, false, 12},
           {"another log", "00000000-3", GapPolicy::kNotify, kEpochChanged, 0,
            true, 8},
           {"another log, and skip", "00000000-3",
            GapPolicy::kNotifySkipToLatest, kEpochChanged, 0, true, 12},
           {"not there yet", Id(13), GapPolicy::kNotify, kPositionInFuture, 0,
            true, 8},
       }) {
    StreamOptions options = After(c.after_id);
    options.gap_policy = c.policy;
    const auto items = Drain(*Open(options));
    ASSERT_GE(items.size(), 2) << c.why;
    EXPECT_EQ(items[0].cursor, c.after_id)
        << c.why << ": who leaves now is told again";
    ASSERT_EQ(items[1].kind, kGap) << c.why;
    EXPECT_EQ(items[1].gap.reason, c.reason) << c.why;
    EXPECT_EQ(items[1].gap.after_id, c.after_id) << c.why;
    EXPECT_EQ(items[1].gap.missing, c.missing) << c.why;
    EXPECT_EQ(items[1].gap.resync_required, c.resync) << c.why;
    EXPECT_EQ(items[1].cursor, Id(c.goes_on_after)) << c.why;
    EXPECT_THAT(SeqsIn(items), SizeIs(12 - c.goes_on_after)) << c.why;
  }
}

TEST_F(StreamContractTest, S6AnIdThatIsNoneIsRefused) {
  for (const std::string id : {"", "x", "7k2mq9xv", "7k2mq9xv-01"}) {
    const auto stream = broker_.Open(After(id), [] {});
    EXPECT_EQ(stream.status().code(), absl::StatusCode::kInvalidArgument) << id;
    const ErrorInfo info = InfoOf(stream.status());
    EXPECT_EQ(info.reason, "INVALID_REPLAY_ID") << id;
    EXPECT_THAT(info.metadata,
                UnorderedElementsAre(Pair("field", "start.after_id"),
                                     Pair("value", id)));
    EXPECT_THAT(info.field_violations, SizeIs(1));
  }
}

TEST_F(StreamContractTest, S7HeadersBatchesAndLingerDoNotChangeTheEvents) {
  for (int i = 0; i < 10; ++i) {
    Publish(2, "a.b");
    Publish(1, "c.d");
  }
  for (const bool headers_only : {false, true}) {
    for (const uint32_t max_events : {1, 2, 7, 100}) {
      for (const uint32_t max_bytes : {1, 100, 100000}) {
        StreamOptions options = Only("a.b");
        options.headers_only = headers_only;
        options.batch.max_events = max_events;
        options.batch.max_bytes = max_bytes;
        options.batch.max_delay = absl::Milliseconds(max_events);
        const auto items = Drain(*Open(options));
        EXPECT_THAT(SeqsIn(items), SizeIs(20));
        for (const StreamItem& item : items) {
          if (item.kind != kEvents) continue;
          EXPECT_EQ(SeqsOf(item).size(), item.n_events);
          EXPECT_LE(item.n_events, max_events);
          size_t bytes = 0;
          for (const auto& piece : item.pieces) {
            bytes += piece.bytes.size();
            for (const auto& line : FakeEventCodec::Parse(piece.bytes)) {
              EXPECT_EQ(line.json.empty(), headers_only);
            }
          }
          EXPECT_TRUE(bytes <= max_bytes || item.n_events == 1);
        }
      }
    }
  }
}

TEST_F(StreamContractTest, S8OnlyStopAtLatestEndsWithOk) {
  Publish(5);
  StreamOptions options = From(kEarliest);
  options.stop_at_latest = true;
  const auto stream = Open(options);
  Publish(3);
  const auto items = Drain(*stream);

  EXPECT_THAT(KindsOf(items), ElementsAre(kHello, kEvents, kCaughtUp, kEnd));
  EXPECT_THAT(SeqsIn(items), ElementsAre(1, 2, 3, 4, 5))
      << "what came after the call is not waited for";
  EXPECT_TRUE(items.back().end.ok());
  StreamItem item;
  EXPECT_FALSE(stream->Next(&item)) << "there is nothing after the end";
}

TEST_F(StreamContractTest, S8AStoppingHostSaysSoAndThenEndsUnavailable) {
  Publish(2);
  const auto stream = Open(From(kEarliest));
  Drain(*stream);
  broker_.Drain(absl::Seconds(3));
  calls_ = 0;
  broker_.Tick();
  EXPECT_EQ(calls_, 1) << "the listener is told";
  const auto items = Drain(*stream);

  ASSERT_THAT(KindsOf(items), ElementsAre(kNotice, kEnd));
  EXPECT_EQ(items[0].notice.code, "SERVER_DRAINING");
  EXPECT_EQ(items[0].notice.retry_after, absl::Seconds(3));
  EXPECT_EQ(items[0].cursor, Id(2));
  EXPECT_EQ(items[1].end.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(InfoOf(items[1].end).reason, "SERVER_DRAINING");
  EXPECT_THAT(InfoOf(items[1].end).metadata,
              ElementsAre(Pair("cursor", Id(2))));
  EXPECT_EQ(InfoOf(items[1].end).retry_delay, absl::Seconds(3));
}

TEST_F(StreamContractTest, S8AStoppingHostTakesNoNewStreams) {
  broker_.Drain(absl::Seconds(3));
  const auto stream = broker_.Open({}, [] {});
  EXPECT_EQ(stream.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(InfoOf(stream.status()).reason, "SERVER_DRAINING");
  EXPECT_EQ(InfoOf(stream.status()).retry_delay, absl::Seconds(3));
}

}  // namespace
}  // namespace weir
