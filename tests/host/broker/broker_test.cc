#include "host/broker/broker.h"

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/control/event_log.h"
#include "host/control/event_stream.h"
#include "host/control/stream_options.h"
#include "host/pipeline/event.h"
#include "host/status/error_info.h"
#include "host/sync/mutex.h"
#include "host/sync/system_clock.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_event_codec.h"
#include "tests/host/broker/broker_fixture.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using testing::SizeIs;
using testing::UnorderedElementsAre;
using enum StartPosition::Kind;
using enum StreamItem::Kind;

TEST_F(BrokerTest, SaysWhatItHolds) {
  EXPECT_EQ(broker_.Info().latest_id, "");
  EXPECT_EQ(broker_.Info().earliest_id, "");
  const absl::Time first = clock_.Now();
  Publish(6);
  clock_.Advance(absl::Seconds(1));
  Publish(1);
  const LogInfo info = broker_.Info();
  EXPECT_EQ(info.epoch, kEpoch);
  EXPECT_EQ(info.earliest_id, Id(1));
  EXPECT_EQ(info.ring_earliest_id, Id(1));
  EXPECT_EQ(info.latest_id, Id(7));
  EXPECT_EQ(info.durable_id, "") << "nothing is on disk";
  EXPECT_EQ(info.event_count, 7);
  EXPECT_EQ(info.earliest_time, first);
  EXPECT_EQ(info.latest_time, first + absl::Seconds(1));
}

TEST_F(BrokerTest, AppendTimesNeverGoBack) {
  Publish(1);
  clock_.Advance(-absl::Minutes(5));
  Publish(1);
  clock_.Advance(absl::Minutes(10));
  Publish(1);
  int64_t last = 0;
  for (const StreamItem& item : Drain(*Open(From(kEarliest)))) {
    for (const SharedBytes& piece : item.pieces) {
      for (const auto& line : FakeEventCodec::Parse(piece.bytes)) {
        EXPECT_GE(line.append_unix_ns, last);
        last = line.append_unix_ns;
      }
    }
  }
  EXPECT_EQ(last, absl::ToUnixNanos(clock_.Now()));
}

TEST_F(BrokerTest, RefusesWhatIsNoEvent) {
  Event event;
  event.type = "Not a type";
  event.source = "host";
  const absl::Status status = broker_.Publish(event);
  EXPECT_EQ(InfoOf(status).reason, "EVENT_INVALID");
  EXPECT_THAT(InfoOf(status).metadata, ElementsAre(Pair("field", "type")));
  EXPECT_EQ(broker_.Info().event_count, 0);
}

TEST_F(BrokerTest, RefusesAnEventThatIsTooLargeAndUsesNoNumberUp) {
  Event event;
  event.type = "a";
  event.source = "host";
  event.json.assign(256 << 10, ' ');
  const absl::Status status = broker_.Publish(event);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(InfoOf(status).reason, "EVENT_TOO_LARGE");
  EXPECT_EQ(InfoOf(status).metadata.at("limit"), "262144");
  event.json.assign(200 << 10, ' ');
  EXPECT_THAT(broker_.Publish(event), IsOk()) << "larger than a chunk is fine";
  EXPECT_EQ(broker_.Info().latest_id, Id(1));
}

TEST_F(BrokerTest, EvictsByAgeByCountAndByBytes) {
  Publish(4);
  clock_.Advance(absl::Minutes(10) + absl::Nanoseconds(1));
  broker_.Tick();
  EXPECT_EQ(broker_.Info().event_count, 0) << "too old";
  EXPECT_EQ(broker_.Info().latest_id, Id(4)) << "but not forgotten";

  Publish(1004);
  EXPECT_EQ(broker_.Info().event_count, 1000) << "too many";

  BrokerOptions options = SmallOptions();
  options.log.ring_bytes = 20000;
  Broker small(options, kEpoch, codec_, clock_);
  for (int i = 0; i < 100; ++i) {
    Event event;
    event.type = "a";
    event.source = "host";
    event.json.assign(500, ' ');
    ASSERT_THAT(small.Publish(event), IsOk());
  }
  EXPECT_LT(small.Info().event_count, 40) << "too much";
  EXPECT_GT(small.Info().event_count, 4);
}

TEST_F(BrokerTest, HasALimitOfStreams) {
  BrokerOptions options = SmallOptions();
  options.max_streams = 2;
  Broker broker(options, kEpoch, codec_, clock_);
  auto first = broker.Open({}, [] {});
  const auto second = broker.Open({}, [] {});
  const auto third = broker.Open({}, [] {});
  EXPECT_EQ(third.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(InfoOf(third.status()).reason, "TOO_MANY_SUBSCRIBERS");
  EXPECT_THAT(
      InfoOf(third.status()).metadata,
      UnorderedElementsAre(Pair("limit", "2"), Pair("scope", "server")));
  EXPECT_TRUE(InfoOf(third.status()).retry_delay.has_value());
  *first = nullptr;
  EXPECT_THAT(broker.Open({}, [] {}), IsOk());
}

TEST_F(BrokerTest, CountsWhatItDoes) {
  Publish(6, "a.b");
  Publish(2, "c.d");
  auto stream = Open(Only("c.d"));
  Drain(*stream);
  clock_.Advance(absl::Minutes(11));
  Publish(4, "a.b");
  broker_.Tick();
  const BrokerStats stats = broker_.Stats();
  EXPECT_EQ(stats.appended_events, 12);
  EXPECT_EQ(stats.latest_seq, 12);
  EXPECT_EQ(stats.earliest_seq, 9);
  EXPECT_EQ(stats.delivered_events, 2);
  EXPECT_EQ(stats.filtered_events, 6);
  EXPECT_EQ(stats.subscribers, 1);
  EXPECT_EQ(stats.replaying_subscribers, 0);
  EXPECT_EQ(stats.filter_classes, 1);
  EXPECT_EQ(stats.append_to_visible.count, 12);

  const auto subscribers = broker_.Subscribers();
  ASSERT_THAT(subscribers, SizeIs(1));
  EXPECT_EQ(subscribers[0].cursor, Id(8));
  EXPECT_EQ(subscribers[0].lag_events, 4);
  EXPECT_EQ(subscribers[0].messages, 3);
  EXPECT_EQ(subscribers[0].delivered_bytes, 300);

  stream = nullptr;
  EXPECT_EQ(broker_.Stats().subscribers, 0);
  EXPECT_EQ(broker_.Stats().delivered_events, 2) << "what was, stays counted";
}

TEST_F(BrokerTest, DrainTellsWhatIsInTheLogBeforeItEndsAStream) {
  const auto stream = Open();
  Drain(*stream);
  Publish(1);
  Drain(*stream);
  Publish(6);  // The last words of plugins, held back to fill a batch.
  broker_.Drain(absl::Seconds(2));
  const auto items = Drain(*stream);
  EXPECT_THAT(KindsOf(items), ElementsAre(kEvents, kNotice, kEnd));
  EXPECT_THAT(SeqsIn(items), ElementsAre(2, 3, 4, 5, 6, 7));
}

TEST_F(BrokerTest, CloseEndsAllAndIsSafeToCallTwice) {
  const auto stream = Open();
  Drain(*stream);
  broker_.Close();
  broker_.Close();
  EXPECT_THAT(KindsOf(Drain(*stream)), ElementsAre(kNotice, kEnd));
  Event event;
  event.type = "a";
  event.source = "host";
  EXPECT_THAT(
      broker_.Publish(event),
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("closed")));
}

// A client as rpc is one: reads in the listener's thread, one at a time.
class Reader {
 public:
  void Open(Broker& broker, StreamOptions options) {
    auto stream = broker.Open(std::move(options), [this] { Pump(); });
    ASSERT_THAT(stream, IsOk());
    {
      MutexLock lock(&mu_);
      stream_ = *std::move(stream);
    }
    Pump();
  }
  void Close() {
    std::unique_ptr<EventStream> stream;
    {
      MutexLock lock(&mu_);
      stream = std::move(stream_);
    }
  }
  void Pump() {
    MutexLock lock(&mu_);
    StreamItem item;
    while (stream_ != nullptr && stream_->Next(&item)) {
      for (const uint64_t seq : SeqsOf(item)) {
        if (seq <= last_) out_of_order_ = true;
        last_ = seq;
        ++n_;
      }
      stream_->OnWritten(1);
      changed_.NotifyAll();
      if (item.kind == kEnd) return;
    }
  }
  void AwaitLast(uint64_t seq) {
    MutexLock lock(&mu_);
    while (last_ < seq) changed_.Wait(&mu_);
  }
  uint64_t n() {
    MutexLock lock(&mu_);
    return n_;
  }
  bool out_of_order() {
    MutexLock lock(&mu_);
    return out_of_order_;
  }

 private:
  Mutex mu_;
  CondVar changed_;
  std::unique_ptr<EventStream> stream_;
  uint64_t last_ = 0;
  uint64_t n_ = 0;
  bool out_of_order_ = false;
};

TEST(BrokerThreadsTest, ManyPublishAndManyReadWhileOthersComeAndGo) {
  constexpr int kPublishers = 3;
  constexpr int kEvents = 3000;
  const SystemClock clock;
  const FakeEventCodec codec;
  Broker broker({}, kEpoch, codec, clock);
  broker.Start();
  std::vector<std::unique_ptr<Reader>> readers;
  for (int i = 0; i < 6; ++i) {
    StreamOptions options;
    options.batch.max_delay = absl::Milliseconds(i);
    if (i >= 3) options.filters.emplace_back().types = {"a.*", "b"};
    readers.push_back(std::make_unique<Reader>());
    readers.back()->Open(broker, options);
  }
  std::atomic<bool> done{false};
  std::thread come_and_go([&] {
    while (!done) {
      Reader reader;
      StreamOptions options;
      options.start.kind = kEarliest;
      reader.Open(broker, options);
      reader.Close();
      broker.Stats();
    }
  });
  std::vector<std::thread> publishers;
  for (int p = 0; p < kPublishers; ++p) {
    publishers.emplace_back([&] {
      for (int i = 0; i < kEvents; ++i) {
        Event event;
        event.type = "a.x";
        event.source = "host";
        EXPECT_THAT(broker.Publish(std::move(event)), IsOk());
      }
    });
  }
  for (std::thread& publisher : publishers) publisher.join();
  for (auto& reader : readers) {
    reader->AwaitLast(kPublishers * kEvents);
    EXPECT_EQ(reader->n(), kPublishers * kEvents);
    EXPECT_FALSE(reader->out_of_order());
  }
  done = true;
  come_and_go.join();
  broker.Close();
  for (auto& reader : readers) reader->Close();
}

TEST(BrokerThreadsTest, LooksAfterAReaderThatIsStuckThoughNothingRings) {
  FakeClock clock;
  clock.Advance(absl::Hours(1));
  const FakeEventCodec codec;
  Broker broker({}, kEpoch, codec, clock);
  broker.Start();
  Mutex mu;
  CondVar changed;
  bool called = false;
  const auto stream = broker.Open({}, [&] {
    MutexLock lock(&mu);
    called = true;
    changed.NotifyAll();
  });
  ASSERT_THAT(stream, IsOk());
  StreamItem item;
  ASSERT_TRUE((*stream)->Next(&item));  // And never says that it is written.
  {
    MutexLock lock(&mu);
    for (int i = 0; i < 300 && !called; ++i) {
      clock.Advance(absl::Seconds(1));
      changed.WaitFor(&mu, absl::Milliseconds(100));
    }
    EXPECT_TRUE(called);
  }
  EXPECT_EQ((*stream)->forced_end().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace weir
