#include "host/broker/stream.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/control/event_log.h"
#include "host/control/event_stream.h"
#include "host/control/stream_options.h"
#include "host/status/error_info.h"
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

class StreamTest : public BrokerTest {
 protected:
  static StreamOptions WithLag(LagPolicy policy, uint64_t most) {
    StreamOptions options;
    options.lag_policy = policy;
    options.max_lag_events = most;
    return options;
  }
};

TEST_F(StreamTest, StartsWhereItIsAskedTo) {
  Publish(5);
  clock_.Advance(absl::Seconds(10));
  const absl::Time time = clock_.Now();
  Publish(5);
  StreamOptions tail = From(kTail);
  tail.start.tail = 3;
  StreamOptions long_tail = From(kTail);
  long_tail.start.tail = 100;
  StreamOptions at_time = From(kAtTime);
  at_time.start.at_time = time;
  StreamOptions before = From(kAtTime);
  before.start.at_time = time - absl::Nanoseconds(1);
  StreamOptions in_future = From(kAtTime);
  in_future.start.at_time = time + absl::Hours(1);
  struct Case {
    const char* why;
    StreamOptions options;
    size_t n_events;
  };
  for (const Case& c : std::vector<Case>{
           {"latest: nothing that was there", From(kLatest), 0},
           {"earliest: everything", From(kEarliest), 10},
           {"the last three", tail, 3},
           {"a tail longer than the log", long_tail, 10},
           {"from a time that an event has", at_time, 5},
           {"from between two times", before, 5},
           {"from a time to come", in_future, 0},
       }) {
    EXPECT_THAT(SeqsIn(Drain(*Open(c.options))), SizeIs(c.n_events)) << c.why;
  }
}

TEST_F(StreamTest, SaysThatAnEarlierTimeIsGone) {
  const absl::Time time = clock_.Now();
  Publish(8);
  clock_.Advance(absl::Minutes(11));
  Publish(2);
  StreamOptions options = From(kAtTime);
  options.start.at_time = time;
  const auto items = Drain(*Open(options));
  ASSERT_THAT(KindsOf(items), ElementsAre(kHello, kGap, kEvents, kCaughtUp));
  EXPECT_EQ(items[1].gap.reason, StreamItem::GapReason::kRetention);
  EXPECT_EQ(items[1].gap.before_id, Id(9));

  options.gap_policy = GapPolicy::kFail;
  EXPECT_EQ(InfoOf(broker_.Open(options, [] {}).status()).reason,
            "REPLAY_POSITION_EXPIRED");
}

TEST_F(StreamTest, ATailThatIsTooLongIsRefused) {
  StreamOptions options = From(kTail);
  options.start.tail = 100'001;
  const auto stream = broker_.Open(options, [] {});
  EXPECT_EQ(InfoOf(stream.status()).reason, "INVALID_FIELD");
  EXPECT_EQ(InfoOf(stream.status()).metadata.at("field"), "start.tail");
}

TEST_F(StreamTest, SaysAllFaultsOfARequestAtOnce) {
  StreamOptions options = After("");
  options.client_name.assign(129, 'x');
  options.filters.emplace_back().prefixes = {"10.0.0.1/8"};
  const auto stream = broker_.Open(options, [] {});
  EXPECT_THAT(InfoOf(stream.status()).field_violations, SizeIs(3))
      << stream.status();
}

TEST_F(StreamTest, HoldsLiveEventsForTheLingerAfterTheFirst) {
  StreamOptions options;
  options.batch.max_delay = absl::Milliseconds(10);
  const auto stream = Open(options);
  Drain(*stream);
  Publish(1);
  EXPECT_THAT(SeqsIn(Drain(*stream)), ElementsAre(1)) << "after a silence";
  clock_.Advance(absl::Milliseconds(9));
  Publish(2);
  EXPECT_THAT(SeqsIn(Drain(*stream)), IsEmpty());
  clock_.Advance(absl::Milliseconds(1));
  EXPECT_THAT(SeqsIn(Drain(*stream)), ElementsAre(2, 3));
}

TEST_F(StreamTest, AllHoldsEndTogether) {
  StreamOptions options;
  options.batch.max_delay = absl::Milliseconds(10);
  const auto a = Open(options);
  Drain(*a);
  Publish(1);
  Drain(*a);
  clock_.Advance(absl::Milliseconds(7));
  const auto b = Open(options);
  Drain(*b);
  Publish(1);
  Drain(*b);
  Publish(1);
  Pass(absl::Milliseconds(2));
  EXPECT_EQ(calls_, 0);
  Pass(absl::Milliseconds(1));
  EXPECT_EQ(calls_, 2);
  EXPECT_THAT(SeqsIn(Drain(*a)), ElementsAre(2, 3));
  EXPECT_THAT(SeqsIn(Drain(*b)), ElementsAre(3));
}

TEST_F(StreamTest, DoesNotHoldAFullBatch) {
  StreamOptions options;
  options.batch.max_events = 3;
  const auto stream = Open(options);
  Drain(*stream);
  Publish(1);
  Drain(*stream);
  Publish(4);
  EXPECT_THAT(SeqsIn(Drain(*stream)), ElementsAre(2, 3, 4)) << "5 waits";
}

TEST_F(StreamTest, LingersLongerTheMoreStreamsThereAre) {
  StreamOptions options;
  options.batch.max_delay = absl::ZeroDuration();
  std::vector<std::unique_ptr<EventStream>> streams;
  for (int i = 0; i < 150; ++i) streams.push_back(Open(options));
  const auto items = Drain(*streams.back());
  EXPECT_EQ(items[0].hello.batch.max_delay, absl::Milliseconds(10));
}

TEST_F(StreamTest, ByDefaultLingersLongerTheMoreStreamsThereAre) {
  StreamOptions options;
  options.batch.max_delay = absl::Milliseconds(10);
  std::vector<std::unique_ptr<EventStream>> streams;
  for (int i = 0; i < 25; ++i) streams.push_back(Open());
  EXPECT_EQ(Drain(*streams.back())[0].hello.batch.max_delay,
            absl::Milliseconds(10));
  for (int i = 25; i < 99; ++i) streams.push_back(Open());
  streams.push_back(Open(options));
  EXPECT_EQ(Drain(*streams[0])[0].hello.batch.max_delay,
            absl::Milliseconds(20));
  EXPECT_EQ(Drain(*streams.back())[0].hello.batch.max_delay,
            absl::Milliseconds(10))
      << "this one said what it wants";
}

TEST_F(StreamTest, IsCalledWhenThereIsSomethingToSay) {
  const auto stream = Open();
  broker_.Tick();
  EXPECT_EQ(calls_, 0) << "nobody has it in his hands yet";
  Drain(*stream);
  broker_.Tick();
  EXPECT_EQ(calls_, 0) << "nothing happened";
  Publish(1);
  broker_.Tick();
  EXPECT_EQ(calls_, 1);
  broker_.Tick();
  EXPECT_EQ(calls_, 1) << "once is enough";
  Drain(*stream);
  Publish(1);
  broker_.Tick();
  EXPECT_EQ(calls_, 1) << "held for the linger";
  Pass(absl::Milliseconds(10));
  EXPECT_EQ(calls_, 2);
  Drain(*stream);
  Pass(absl::Seconds(15));
  EXPECT_EQ(calls_, 3) << "for the heartbeat";
}

TEST_F(StreamTest, IsNotCalledAfterItIsGone) {
  auto stream = Open();
  Drain(*stream);
  stream = nullptr;
  Publish(1);
  Pass(absl::Minutes(1));
  EXPECT_EQ(calls_, 0);
  EXPECT_THAT(broker_.Subscribers(), IsEmpty());
}

TEST_F(StreamTest, MayBeDestroyedByItsListener) {
  std::unique_ptr<EventStream> stream;
  auto opened = broker_.Open({}, [&] { stream = nullptr; });
  ASSERT_TRUE(opened.ok());
  stream = *std::move(opened);
  Drain(*stream);
  Publish(1);
  broker_.Tick();
  EXPECT_EQ(stream, nullptr);
}

TEST_F(StreamTest, BeatsAfterSilenceOnly) {
  StreamOptions options;
  options.heartbeat_interval = absl::Seconds(10);
  const auto stream = Open(options);
  Drain(*stream);
  clock_.Advance(absl::Seconds(8));
  EXPECT_THAT(Drain(*stream), IsEmpty());
  Publish(1);
  EXPECT_THAT(KindsOf(Drain(*stream)), ElementsAre(kEvents));
  clock_.Advance(absl::Seconds(8));
  EXPECT_THAT(Drain(*stream), IsEmpty()) << "an event is a sign of life, too";
  clock_.Advance(absl::Seconds(2));
  EXPECT_THAT(KindsOf(Drain(*stream)), ElementsAre(kHeartbeat));
}

TEST_F(StreamTest, BeatsInTimeThoughTheBrokerWasBusyWithOthers) {
  StreamOptions slow;
  slow.heartbeat_interval = absl::Seconds(10);
  StreamOptions quick;
  quick.heartbeat_interval = absl::Seconds(2);
  const auto a = Open(slow);
  const auto b = Open(quick);
  Drain(*a);
  Drain(*b);
  clock_.Advance(absl::Seconds(2));
  EXPECT_TRUE(broker_.TickIfDue());
  EXPECT_EQ(calls_, 1) << "b beats";
  clock_.Advance(absl::Seconds(8));
  EXPECT_TRUE(broker_.TickIfDue()) << "and a, which nobody has asked meanwhile";
  EXPECT_EQ(calls_, 2);
}

TEST_F(StreamTest, HeartbeatIntervalsAreClamped) {
  struct Case {
    absl::Duration asked, want;
  };
  for (const Case& c : std::vector<Case>{
           {absl::ZeroDuration(), absl::Seconds(1)},
           {absl::Milliseconds(999), absl::Seconds(1)},
           {absl::Seconds(2), absl::Seconds(2)},
           {absl::InfiniteDuration(), absl::Minutes(5)},
       }) {
    StreamOptions options;
    options.heartbeat_interval = c.asked;
    EXPECT_EQ(Drain(*Open(options))[0].hello.heartbeat_interval, c.want);
  }
}

TEST_F(StreamTest, SkipsWhatASlowClientDoesNotRead) {
  const auto stream = Open(WithLag(LagPolicy::kSkip, 10));
  Drain(*stream);
  Publish(10);
  EXPECT_THAT(SeqsIn(Drain(*stream)), SizeIs(10)) << "as many as it may lag";
  clock_.Advance(absl::Seconds(1));
  Publish(11);
  const auto items = Drain(*stream);
  ASSERT_THAT(KindsOf(items), ElementsAre(kGap, kCaughtUp));
  EXPECT_EQ(items[0].gap.reason, StreamItem::GapReason::kSlowConsumer);
  EXPECT_EQ(items[0].gap.missing, 11);
  EXPECT_EQ(items[0].cursor, Id(21));
}

TEST_F(StreamTest, DisconnectsASlowClientIfItWantsThat) {
  const auto stream = Open(WithLag(LagPolicy::kDisconnect, 10));
  Drain(*stream);
  Publish(11);
  const auto items = Drain(*stream);
  ASSERT_THAT(KindsOf(items), ElementsAre(kEnd));
  EXPECT_EQ(items[0].end.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(InfoOf(items[0].end).reason, "SLOW_CONSUMER");
  EXPECT_THAT(
      InfoOf(items[0].end).metadata,
      UnorderedElementsAre(Pair("cursor", Id(0)), Pair("lag_events", "11")));
  EXPECT_EQ(InfoOf(items[0].end).retry_delay, absl::ZeroDuration());
}

TEST_F(StreamTest, AReplayThatWasAskedForIsNoLag) {
  Publish(100);
  StreamOptions options = WithLag(LagPolicy::kDisconnect, 10);
  options.start.kind = kEarliest;
  EXPECT_THAT(SeqsIn(Drain(*Open(options))), SizeIs(100));
}

TEST_F(StreamTest, FallingOutOfTheLogEndsItUnderFail) {
  StreamOptions options;
  options.gap_policy = GapPolicy::kFail;
  const auto stream = Open(options);
  Drain(*stream);
  Publish(8);
  clock_.Advance(absl::Minutes(11));
  Publish(1);
  const auto items = Drain(*stream);
  ASSERT_THAT(KindsOf(items), ElementsAre(kEnd));
  EXPECT_EQ(items[0].end.code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(InfoOf(items[0].end).reason, "REPLAY_POSITION_EXPIRED");
  EXPECT_THAT(
      InfoOf(items[0].end).metadata,
      UnorderedElementsAre(Pair("cursor", Id(0)), Pair("earliest_id", Id(9)),
                           Pair("latest_id", Id(9))));
}

TEST_F(StreamTest, SendsNeighboursInOnePiece) {
  Publish(4);
  const auto items = Drain(*Open(From(kEarliest)));
  ASSERT_EQ(items[1].kind, kEvents);
  EXPECT_THAT(items[1].pieces, SizeIs(1));
  EXPECT_EQ(items[1].n_events, 4);
}

TEST_F(StreamTest, CopiesManyShortRunsTogether) {
  for (int i = 0; i < 20; ++i) {
    Publish(1, "a.b");
    Publish(1, "c.d");
  }
  const auto items = Drain(*Open(Only("c.d")));
  ASSERT_EQ(items[1].kind, kEvents);
  EXPECT_THAT(items[1].pieces, SizeIs(1));
  EXPECT_EQ(items[1].n_events, 20);
}

TEST_F(StreamTest, ALongScanWithoutAMatchLetsOthersHaveATurn) {
  BrokerOptions options = SmallOptions();
  options.log.chunk_events = 1;
  Broker broker(options, kEpoch, codec_, clock_);
  for (int i = 0; i < 100; ++i) {
    Event event;
    event.type = i == 99 ? "c.d" : "a.b";
    event.source = "host";
    ASSERT_TRUE(broker.Publish(event).ok());
  }
  int calls = 0;
  const auto stream = broker.Open(Only("c.d"), [&] { ++calls; });
  ASSERT_TRUE(stream.ok());
  StreamItem item;
  ASSERT_TRUE((*stream)->Next(&item));
  ASSERT_FALSE((*stream)->Next(&item)) << "32 chunks are enough for once";
  broker.Tick();
  EXPECT_EQ(calls, 1) << "but it goes on soon";
  EXPECT_FALSE((*stream)->Next(&item));
  EXPECT_FALSE((*stream)->Next(&item));
  ASSERT_TRUE((*stream)->Next(&item));
  EXPECT_THAT(SeqsOf(item), ElementsAre(100));
}

TEST_F(StreamTest, EndsIfItsReaderIsStuck) {
  const auto stream = Open();
  StreamItem item;
  ASSERT_TRUE(stream->Next(&item));
  Pass(absl::Seconds(6));
  EXPECT_EQ(broker_.Stats().stalled_streams, 1);
  EXPECT_EQ(broker_.Subscribers()[0].write_blocked, absl::Seconds(6));
  EXPECT_EQ(calls_, 0);
  Pass(absl::Seconds(54));
  EXPECT_EQ(calls_, 1) << "although a write is pending";
  ASSERT_TRUE(stream->Next(&item));
  EXPECT_EQ(item.kind, kEnd);
  EXPECT_EQ(item.end.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(InfoOf(item.end).reason, "WRITE_STALLED");
  EXPECT_THAT(
      InfoOf(item.end).metadata,
      UnorderedElementsAre(Pair("cursor", Id(0)), Pair("blocked_for", "1m")));
}

class DegradedStreamTest : public BrokerTest {
 protected:
  static BrokerOptions TightOptions() {
    BrokerOptions options = SmallOptions();
    options.regex_budget_bytes = 64 << 10;
    return options;
  }
  DegradedStreamTest() : BrokerTest(TightOptions()) {}
};

TEST_F(DegradedStreamTest, SaysOnceThatItsExpressionsAreMatchedOneByOne) {
  std::vector<std::unique_ptr<EventStream>> streams;
  for (int i = 0; i < 200; ++i) {
    StreamOptions options = From(kEarliest);
    options.filters.emplace_back().subject_regexes = {
        absl::StrCat(i, "[ab]{400}$|192")};
    streams.push_back(Open(options));
  }
  const auto plain = Open(From(kEarliest));
  broker_.MakeRegexSets();
  Publish(3);
  const auto items = Drain(*streams[0]);
  EXPECT_THAT(KindsOf(items), ElementsAre(kHello, kNotice, kEvents, kCaughtUp));
  EXPECT_EQ(items[1].notice.code, "FILTER_DEGRADED");
  EXPECT_THAT(SeqsIn(items), ElementsAre(1, 2, 3));
  Publish(1);
  Pass(absl::Seconds(1));
  EXPECT_THAT(KindsOf(Drain(*streams[0])), ElementsAre(kEvents));
  EXPECT_THAT(KindsOf(Drain(*plain)), ElementsAre(kHello, kEvents, kCaughtUp));
}

}  // namespace
}  // namespace weir
