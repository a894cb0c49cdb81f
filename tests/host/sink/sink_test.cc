#include "host/sink/sink.h"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/broker/broker.h"
#include "host/control/event_stream.h"
#include "host/rpc/proto_event_codec.h"
#include "host/sync/sleeper.h"
#include "host/sync/system_clock.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_event_log.h"
#include "tests/fakes/fake_event_sink.h"
#include "tests/host/sink/scripted_delivery.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Outcome = Delivery::Outcome;
using Subjects = std::vector<std::string>;

constexpr char kEpoch[] = "7k2mq9xv";

// Sleeps for no time at all, and moves a clock by as much.
class SkippingSleeper final : public Sleeper {
 public:
  SkippingSleeper(FakeClock& clock, std::vector<absl::Duration>& slept)
      : clock_(clock), slept_(slept) {}
  bool SleepFor(absl::Duration duration) override {
    slept_.push_back(duration);
    clock_.Advance(duration);
    return !woken_.load();
  }
  void Wake() override { woken_ = true; }

 private:
  FakeClock& clock_;
  std::vector<absl::Duration>& slept_;
  std::atomic<bool> woken_{false};
};

// A broker that runs, and sinks that follow it on a clock that stands still
// except for what they sleep.
class SinkTest : public testing::Test {
 protected:
  SinkTest()
      : dir_(std::filesystem::path(testing::TempDir()) /
             testing::UnitTest::GetInstance()->current_test_info()->name()),
        broker_(MakeOptions(), kEpoch, codec_, system_clock_) {
    std::filesystem::remove_all(dir_);
    std::filesystem::create_directories(dir_);
    clock_.Advance(absl::Hours(1));
    broker_.Start();
  }

  static BrokerOptions MakeOptions() {
    BrokerOptions options;
    options.log.chunk_events = 4;
    options.log.ring_events = 1000;
    return options;
  }

  SinkOptions Options() const {
    SinkOptions options;
    options.name = "sinks/test";
    options.from_earliest = true;
    options.cursor_path = dir_ / "cursor";
    options.retry.initial = absl::Seconds(1);
    options.retry.max = absl::Seconds(60);
    options.retry.jitter = 0;
    return options;
  }

  std::unique_ptr<Sink> Make(SinkOptions options, size_t max_events = 3) {
    return std::make_unique<Sink>(
        std::move(options),
        std::make_unique<ScriptedDelivery>(max_events, script_),
        std::make_unique<SkippingSleeper>(clock_, slept_),
        Sink::Host{broker_, told_, clock_});
  }

  // Events whose subjects are their numbers.
  void Publish(int from, int to, const std::string& type = "a.b") {
    for (int i = from; i <= to; ++i) {
      ASSERT_TRUE(broker_
                      .Publish({.type = type,
                                .source = "plugins/test",
                                .subject = absl::StrCat(i)})
                      .ok());
    }
  }

  std::string Cursor() const {
    std::ifstream file(dir_ / "cursor");
    std::string line;
    std::getline(file, line);
    return line;
  }
  static std::string Id(int seq) { return absl::StrCat(kEpoch, "-", seq); }

  // Ends after everything is delivered.
  static SinkStats StopAndRead(Sink& sink) {
    sink.Stop(absl::InfiniteDuration());
    return sink.Stats();
  }

  const std::filesystem::path dir_;
  const ProtoEventCodec codec_;
  const SystemClock system_clock_;
  FakeClock clock_;
  std::vector<absl::Duration> slept_;  // Read it when the sink has ended.
  Broker broker_;
  FakeEventSink told_;
  DeliveryScript script_;
};

TEST_F(SinkTest, DeliversAllInTheirOrderInCallsOfTheSizeThatIsTaken) {
  Publish(1, 7);
  auto sink = Make(Options());
  sink->Start();
  EXPECT_THAT(script_.AwaitDelivered(7),
              ElementsAre("1", "2", "3", "4", "5", "6", "7"));
  Publish(8, 8);
  EXPECT_EQ(script_.AwaitDelivered(8).back(), "8");
  const SinkStats stats = StopAndRead(*sink);
  for (const Subjects& call : script_.AwaitCalls(4)) EXPECT_LE(call.size(), 3u);
  EXPECT_EQ(stats.name, "sinks/test");
  EXPECT_EQ(stats.delivered_events, 8u);
  EXPECT_EQ(stats.delivered_bytes, 8u);
  EXPECT_EQ(stats.failed_attempts, 0u);
  EXPECT_EQ(stats.lag_events, 0u);
  EXPECT_EQ(stats.cursor, Id(8));
  EXPECT_EQ(stats.last_error, "");
  EXPECT_EQ(stats.last_delivery_time, clock_.Now());
  EXPECT_EQ(Cursor(), Id(8));
}

TEST_F(SinkTest, GoesOnBehindWhatItsFileSays) {
  Publish(1, 3);
  auto sink = Make(Options());
  sink->Start();
  script_.AwaitDelivered(3);
  StopAndRead(*sink);
  Publish(4, 5);
  auto next = Make(Options());
  next->Start();
  EXPECT_THAT(script_.AwaitDelivered(5), ElementsAre("1", "2", "3", "4", "5"));
  EXPECT_EQ(StopAndRead(*next).delivered_events, 2u);
}

TEST_F(SinkTest, RemembersTheEndThatItBeganAt) {
  Publish(1, 3);
  SinkOptions options = Options();
  options.from_earliest = false;
  auto sink = Make(options);
  sink->Start();
  while (sink->Stats().cursor.empty()) std::this_thread::yield();
  StopAndRead(*sink);
  EXPECT_EQ(Cursor(), Id(3));
  Publish(4, 5);
  auto next = Make(options);
  next->Start();
  EXPECT_THAT(script_.AwaitDelivered(2), ElementsAre("4", "5"));
}

TEST_F(SinkTest, TriesOnlyWhatFailedAgainAndItsCursorWaits) {
  Publish(1, 4);
  script_.Next(
      {.outcomes = {Outcome::kDelivered, Outcome::kFailed, Outcome::kDelivered},
       .error = absl::UnavailableError("no disk")});
  std::string cursor;
  std::string error;
  std::unique_ptr<Sink> sink;
  script_.OnCall([&](size_t number) {
    if (number != 2) return;
    cursor = Cursor();
    error = sink->Stats().last_error;
  });
  sink = Make(Options());
  sink->Start();
  EXPECT_THAT(script_.AwaitDelivered(4), ElementsAre("1", "3", "2", "4"));
  const SinkStats stats = StopAndRead(*sink);
  EXPECT_EQ(script_.AwaitCalls(2)[1][0], "2");
  EXPECT_EQ(cursor, Id(1));
  EXPECT_EQ(error, "no disk");
  EXPECT_EQ(stats.failed_attempts, 1u);
  EXPECT_EQ(stats.delivered_events, 4u);
  EXPECT_EQ(Cursor(), Id(4));
  EXPECT_THAT(slept_, ElementsAre(absl::Seconds(1)));
}

TEST_F(SinkTest, TriesWhatWasHeldUpAtOnceAndTellsOfWhatIsRejected) {
  Publish(1, 3);
  script_.Next(
      {.outcomes = {Outcome::kHeldUp, Outcome::kRejected, Outcome::kHeldUp},
       .error = absl::InvalidArgumentError("no such \"field\"")});
  auto sink = Make(Options());
  sink->Start();
  EXPECT_THAT(script_.AwaitDelivered(2), ElementsAre("1", "3"));
  const SinkStats stats = StopAndRead(*sink);
  EXPECT_THAT(slept_, ElementsAre());
  EXPECT_EQ(stats.rejected_events, 1u);
  EXPECT_EQ(stats.failed_attempts, 0u);
  EXPECT_EQ(stats.cursor, Id(3));
  EXPECT_EQ(stats.last_error, Id(2) + ": no such \"field\"");
  ASSERT_EQ(told_.events().size(), 1u);
  const Event told = told_.events()[0];
  EXPECT_EQ(told.type, "weir.sink.rejected");
  EXPECT_EQ(told.source, "sinks/test");
  EXPECT_EQ(told.subject, Id(2));
  EXPECT_EQ(told.json, "{\"count\":1,\"last_event\":\"" + Id(2) +
                           "\",\"error\":\"no such \\\"field\\\"\"}");
}

TEST_F(SinkTest, TellsOfWhatIsRejectedOnceAMinuteAndNeverOfSuchEvents) {
  Publish(1, 6);
  Publish(7, 7, "weir.sink.rejected");
  for (int i = 0; i < 7; ++i) {
    script_.Next({.outcomes = {Outcome::kRejected},
                  .error = absl::InvalidArgumentError("no")});
  }
  script_.OnCall([&](size_t number) {
    if (number == 6) clock_.Advance(absl::Minutes(1));
  });
  auto sink = Make(Options(), 1);
  sink->Start();
  script_.AwaitCalls(7);
  EXPECT_EQ(StopAndRead(*sink).rejected_events, 7u);
  ASSERT_EQ(told_.events().size(), 2u);
  EXPECT_THAT(told_.events()[1].json, HasSubstr("\"count\":5"));
}

TEST_F(SinkTest, GivesAnEventUpAfterSoManyAttempts) {
  Publish(1, 2);
  for (int i = 0; i < 2; ++i) {
    script_.Next({.outcomes = {Outcome::kFailed},
                  .error = absl::UnavailableError("down")});
  }
  SinkOptions options = Options();
  options.max_attempts = 2;
  auto sink = Make(options, 1);
  sink->Start();
  EXPECT_THAT(script_.AwaitDelivered(1), ElementsAre("2"));
  const SinkStats stats = StopAndRead(*sink);
  EXPECT_EQ(stats.rejected_events, 1u);
  EXPECT_EQ(stats.failed_attempts, 2u);
  EXPECT_EQ(stats.last_error, Id(1) + ": down");
}

TEST_F(SinkTest, WaitsLongerAfterEachFailureAndAsLongAsItIsAsked) {
  Publish(1, 2);
  script_.Next({.outcomes = {Outcome::kFailed},
                .error = absl::UnavailableError("down")});
  script_.Next({.outcomes = {Outcome::kFailed},
                .error = absl::UnavailableError("down")});
  script_.Next({.outcomes = {Outcome::kFailed},
                .error = absl::UnavailableError("busy"),
                .retry_after = absl::Seconds(7)});
  script_.Next({.outcomes = {Outcome::kDelivered}});
  script_.Next({.outcomes = {Outcome::kFailed},
                .error = absl::UnavailableError("down")});
  auto sink = Make(Options(), 1);
  sink->Start();
  script_.AwaitDelivered(2);
  StopAndRead(*sink);
  EXPECT_THAT(slept_, ElementsAre(absl::Seconds(1), absl::Seconds(2),
                                  absl::Seconds(7), absl::Seconds(1)));
}

TEST_F(SinkTest, WaitsForAServerThatHoldsAllUpAndBlamesNone) {
  Publish(1, 1);
  script_.Next({.outcomes = {Outcome::kHeldUp},
                .error = absl::InvalidArgumentError("odd")});
  auto sink = Make(Options());
  sink->Start();
  script_.AwaitDelivered(1);
  EXPECT_EQ(StopAndRead(*sink).failed_attempts, 1u);
  EXPECT_EQ(slept_.size(), 1u);
}

TEST_F(SinkTest, CountsWhatIsGoneBeforeItIsDelivered) {
  Publish(1, 1);
  auto sink = Make(Options());
  sink->Start();
  script_.AwaitDelivered(1);
  StopAndRead(*sink);
  Publish(2, 2500);  // The ring keeps the last 1,000 or some more.
  auto next = Make(Options(), 4000);
  next->Start();
  while (next->Stats().cursor != Id(2500)) std::this_thread::yield();
  const SinkStats stats = StopAndRead(*next);
  EXPECT_GE(stats.missed_events, 1000u);
  EXPECT_EQ(stats.missed_events + stats.delivered_events, 2499u);
}

TEST_F(SinkTest, GuessesNothingOfADamagedCursor) {
  Publish(1, 2);
  std::ofstream(dir_ / "cursor") << "one\ntwo\n";
  auto sink = Make(Options());
  sink->Start();
  while (sink->Stats().last_error.empty()) std::this_thread::yield();
  EXPECT_THAT(sink->Stats().last_error, HasSubstr((dir_ / "cursor").string()));
  EXPECT_EQ(sink->Stats().delivered_events, 0u);
  // Mended while it runs.
  std::filesystem::remove(dir_ / "cursor");
  EXPECT_THAT(script_.AwaitDelivered(2), ElementsAre("1", "2"));
}

TEST_F(SinkTest, DeliversOnIfItsCursorCannotBeWritten) {
  Publish(1, 2);
  SinkOptions options = Options();
  options.cursor_path = dir_ / "missing" / "cursor";
  auto sink = Make(options, 1);
  sink->Start();
  script_.AwaitDelivered(2);
  const SinkStats stats = StopAndRead(*sink);
  EXPECT_EQ(stats.delivered_events, 2u);
  EXPECT_THAT(stats.last_error, HasSubstr("missing/cursor"));
}

TEST_F(SinkTest, DeliversWhatPassesItsFilters) {
  Publish(1, 2, "a.b");
  Publish(3, 4, "c.d");
  Publish(5, 5, "a.b");
  SinkOptions options = Options();
  options.filters.emplace_back();
  options.filters[0].types = {"c.*"};
  auto sink = Make(options);
  sink->Start();
  EXPECT_THAT(script_.AwaitDelivered(2), ElementsAre("3", "4"));
  while (sink->Stats().cursor != Id(5)) std::this_thread::yield();
  EXPECT_EQ(StopAndRead(*sink).lag_events, 0u);
}

TEST_F(SinkTest, DeliversNoFasterThanItsRate) {
  Publish(1, 25);
  SinkOptions options = Options();
  options.rate_limit = 10;
  auto sink = Make(options, 100);
  sink->Start();
  script_.AwaitDelivered(25);
  StopAndRead(*sink);
  absl::Duration slept;
  for (const absl::Duration one : slept_) slept += one;
  EXPECT_EQ(slept, absl::Milliseconds(1500));
}

TEST_F(SinkTest, DeliversWhatThereIsWhenItIsToEnd) {
  Publish(1, 1);
  auto sink = Make(Options(), 1);
  script_.OnCall([&](size_t number) {
    if (number != 1) return;
    Publish(2, 4);
    while (broker_.Info().latest_id != Id(4)) std::this_thread::yield();
    sink->Drain();
  });
  sink->Start();
  sink->Stop(absl::InfiniteDuration());
  EXPECT_THAT(script_.AwaitDelivered(4), ElementsAre("1", "2", "3", "4"));
  EXPECT_EQ(Cursor(), Id(4));
}

TEST_F(SinkTest, EndsInsteadOfTryingAgainWhenItIsToEnd) {
  Publish(1, 1);
  auto sink = Make(Options(), 1);
  script_.Next({.outcomes = {Outcome::kFailed},
                .error = absl::UnavailableError("down")});
  script_.OnCall([&](size_t) { sink->Drain(); });
  sink->Start();
  sink->Stop(absl::InfiniteDuration());
  EXPECT_EQ(script_.AwaitCalls(1).size(), 1u);
  EXPECT_EQ(Cursor(), Id(0));
}

TEST_F(SinkTest, InterruptsADeliveryThatHangs) {
  Publish(1, 1);
  script_.Next({.outcomes = {Outcome::kFailed},
                .error = absl::CancelledError("interrupted")});
  script_.OnCall([&](size_t) { script_.AwaitInterrupt(); });
  auto sink = Make(Options());
  sink->Start();
  script_.AwaitCalls(1);
  sink->Stop(absl::ZeroDuration());
  EXPECT_EQ(sink->Stats().delivered_events, 0u);
  EXPECT_EQ(sink->Stats().last_error, "");
}

// As a journal that cannot be read ends one behind what it could read.
TEST_F(SinkTest, ComesBackWhenItsStreamEndsBehindEvents) {
  StreamItem events;
  events.kind = StreamItem::Kind::kEvents;
  events.cursor = Id(1);
  auto framed = std::make_shared<std::string>();
  codec_.AppendFramed({.type = "a.b", .source = "plugins/test", .subject = "1"},
                      Id(1), 1, clock_.Now(), framed.get());
  events.pieces.push_back({framed, *framed});
  StreamItem end;
  end.kind = StreamItem::Kind::kEnd;
  end.end = absl::UnavailableError("the journal cannot be read");
  FakeEventLog log;
  log.Say(events);
  log.Say(end);
  Sink sink(Options(), std::make_unique<ScriptedDelivery>(3, script_),
            std::make_unique<SkippingSleeper>(clock_, slept_),
            {log, told_, clock_});
  sink.Start();
  EXPECT_THAT(script_.AwaitDelivered(1), ElementsAre("1"));
  while (log.opened().size() < 2) std::this_thread::yield();
  EXPECT_EQ(log.opened()[1].start.after_id, Id(1));
  EXPECT_EQ(sink.Stats().last_error, "the journal cannot be read");
}

TEST_F(SinkTest, ComesBackWhenItsStreamIsEnded) {
  Publish(1, 2);
  auto sink = Make(Options());
  sink->Start();
  script_.AwaitDelivered(2);
  broker_.Drain(absl::Seconds(1));
  while (sink->Stats().last_error.empty()) std::this_thread::yield();
  sink->Stop(absl::ZeroDuration());
  EXPECT_GE(slept_.size(), 1u);
  EXPECT_EQ(sink->Stats().cursor, Id(2));
}

}  // namespace
}  // namespace weir
