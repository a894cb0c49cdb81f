#include "host/source/streamer.h"

#include <cstdint>
#include <filesystem>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/pipeline/event.h"
#include "host/pipeline/receipt.h"
#include "host/source/source_error.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_event_sink.h"
#include "tests/fakes/fake_frame_sink.h"
#include "tests/fakes/fake_sleeper_factory.h"
#include "tests/fakes/fake_source.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using State = SourceStatus::State;

absl::Status Refused() {
  return MakeSourceError(absl::StatusCode::kUnavailable, SourceError::kConnect,
                         "connection refused");
}

class StreamerTest : public testing::Test {
 protected:
  // No jitter, so that waits are exact.
  StreamerTest() {
    options_.id = "ris";
    options_.backoff = {
        .initial = absl::Seconds(1), .max = absl::Seconds(5), .jitter = 0};
  }

  ~StreamerTest() override {
    sink_.Unblock();
    if (streamer_ != nullptr) streamer_->Stop();
  }

  Streamer& Make(std::vector<FakeConnection> script) {
    return Make({.kind = "fake", .endpoint = "fake://", .flow_control = true},
                std::move(script));
  }

  Streamer& Make(Source::Description description,
                 std::vector<FakeConnection> script) {
    auto source = std::make_unique<FakeSource>(std::move(description),
                                               std::move(script), clock_);
    source_ = source.get();
    streamer_ =
        std::make_unique<Streamer>(options_, std::move(source), sink_, events_,
                                   clock_, sleepers_.factory());
    return *streamer_;
  }

  // Plays the script to its end.
  Streamer& Run(std::vector<FakeConnection> script) {
    Make(std::move(script)).Start();
    source_->WaitUntilDone();
    return *streamer_;
  }

  State state() const { return streamer_->GetStatus().state; }

  // The last event, "type json".
  std::string LastEvent() const {
    const std::vector<Event> events = events_.events();
    if (events.empty()) return "";
    return events.back().type + " " + events.back().json;
  }

  StreamerOptions options_;
  FakeClock clock_;
  FakeFrameSink sink_;
  FakeEventSink events_;
  FakeSleeperFactory sleepers_{clock_};
  FakeSource* source_ = nullptr;
  std::unique_ptr<Streamer> streamer_;
};

TEST_F(StreamerTest, WaitsLongerAfterEachFailedConnect) {
  Run({{Refused()}, {Refused()}, {Refused()}, {Refused()}});
  EXPECT_THAT(sleepers_.slept(),
              ElementsAre(absl::Seconds(1), absl::Seconds(2), absl::Seconds(4),
                          absl::Seconds(5)));
}

TEST_F(StreamerTest, WaitsBrieflyAgainAfterAConnectionThatLasted) {
  const FakeConnection lasted = {.lived = absl::Seconds(31)};
  Run({{Refused()}, {Refused()}, lasted, {Refused()}});
  EXPECT_THAT(sleepers_.slept(),
              ElementsAre(absl::Seconds(1), absl::Seconds(2), absl::Seconds(1),
                          absl::Seconds(2)));
}

TEST_F(StreamerTest, WaitsLongerStillIfThePeerAcceptsAndHangsUp) {
  const FakeConnection hang_up = {absl::OkStatus()};
  Run({hang_up, hang_up, hang_up});
  EXPECT_THAT(sleepers_.slept(), ElementsAre(absl::Seconds(1), absl::Seconds(2),
                                             absl::Seconds(4)));
}

TEST_F(StreamerTest, WaitsADifferentTimeOnEachHostSinceThereIsJitter) {
  options_.backoff = {};
  Run({{Refused()}});
  options_.seed = 2;
  Run({{Refused()}});
  ASSERT_THAT(sleepers_.slept(), SizeIs(2));
  EXPECT_NE(sleepers_.slept()[0], sleepers_.slept()[1]);
}

TEST_F(StreamerTest, CleanEndOfStreamDoesNotEndIngest) {
  const absl::Status ended =
      MakeSourceError(absl::StatusCode::kUnavailable, SourceError::kEndOfStream,
                      "the server ended the stream");
  Streamer& streamer = Run({{.frames = {"a", "b"}, .then = ended},
                            {.frames = {"c"}, .then = ended}});
  EXPECT_THAT(sink_.frames(), ElementsAre("a", "b", "c"));
  EXPECT_EQ(streamer.GetStatus().last_error->kind, "end_of_stream");
  SourceStats stats;
  streamer.FillStats(&stats);
  EXPECT_EQ(stats.reconnects, 1u);
  EXPECT_EQ(stats.bytes, 3u);
}

TEST_F(StreamerTest, EndsWhereAFiniteSourceEnds) {
  Make({{.frames = {"a"}, .then = absl::OutOfRangeError("end of file")}})
      .Start();
  while (state() != State::kFinished) std::this_thread::yield();
  EXPECT_THAT(sleepers_.slept(), IsEmpty());
  EXPECT_THAT(events_.events(), IsEmpty()) << "an end is no outage";
  EXPECT_THAT(
      streamer_->Reconnect(false, ""),
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("finished")));
}

TEST_F(StreamerTest, GivesUpWhereTryingAgainIsOfNoUseUntilToldTo) {
  const absl::Status forbidden = MakeSourceError(
      absl::StatusCode::kPermissionDenied, SourceError::kAuth, "HTTP 403", 403);
  Make({{forbidden}, {.frames = {"a"}, .stays = true}}).Start();
  while (state() != State::kFailed) std::this_thread::yield();
  const SourceStatus status = streamer_->GetStatus();
  EXPECT_EQ(status.last_error->kind, "auth");
  EXPECT_EQ(status.last_error->status, 403);
  EXPECT_THAT(sleepers_.slept(), IsEmpty());

  EXPECT_THAT(streamer_->Reconnect(true, "new token"), IsOk());
  source_->WaitUntilQuiet();
  EXPECT_THAT(sink_.frames(), ElementsAre("a"));
  EXPECT_EQ(streamer_->GetStatus().last_error->kind, "auth")
      << "it stays after recovery";
}

TEST_F(StreamerTest, GivesUpAfterMaxAttempts) {
  options_.backoff.max_attempts = 3;
  Make({{Refused()}, {Refused()}, {Refused()}}).Start();
  while (state() != State::kFailed) std::this_thread::yield();
  EXPECT_EQ(streamer_->GetStatus().consecutive_failures, 3u);
  EXPECT_THAT(sleepers_.slept(), SizeIs(2));
}

TEST_F(StreamerTest, OutageLastsFromTheLastMessageToTheNext) {
  Make({{.frames = {"a"}, .lived = absl::Seconds(7)},
        {Refused()},
        {.frames = {"b"}, .stays = true}})
      .Start();
  source_->WaitUntilQuiet();
  const std::vector<Event> events = events_.events();
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_THAT(
      events[0],
      AllOf(Field(&Event::type, "weir.source.gap"),
            Field(&Event::source, "sources/ris"), Field(&Event::subject, "ris"),
            Field(&Event::severity, Severity::kWarning),
            Field(&Event::json,
                  R"({"text":"no input: the peer hung up",)"
                  R"("begin":"1970-01-01T00:00:00.000Z","end":null,)"
                  R"("reason":"the peer hung up","data_lost":true,)"
                  R"("attempts":0})")));
  // 7 s of silence, 1 s and 2 s of back-off.
  EXPECT_THAT(events[1],
              AllOf(Field(&Event::severity, Severity::kNotice),
                    Field(&Event::json,
                          R"({"text":"back after 10s",)"
                          R"("begin":"1970-01-01T00:00:00.000Z",)"
                          R"("end":"1970-01-01T00:00:10.000Z",)"
                          R"("reason":"the peer hung up","data_lost":true,)"
                          R"("attempts":2})")));
  SourceStats stats;
  streamer_->FillStats(&stats);
  EXPECT_EQ(stats.outages, 1u);
  EXPECT_EQ(stats.outage_time, absl::Seconds(10));
  EXPECT_EQ(stats.connect_failures, 1u);
}

TEST_F(StreamerTest, ServerThatAcceptsAndHangsUpHasNotEndedTheOutage) {
  Run({{.frames = {"a"}}, {absl::OkStatus()}, {absl::OkStatus()}});
  EXPECT_THAT(events_.events(), SizeIs(1));
}

TEST_F(StreamerTest, LosesNothingInAnOutageOfASourceThatResumes) {
  Make({.kind = "fake", .resumes = true}, {{.frames = {"a"}}}).Start();
  source_->WaitUntilDone();
  EXPECT_THAT(LastEvent(), HasSubstr("\"data_lost\":false"));
}

TEST_F(StreamerTest, QuietConnectionEndsTheOutageOnceItHasLasted) {
  Make({{Refused()}, {.stays = true}}).Start();
  source_->WaitUntilQuiet();
  streamer_->CheckHealth(absl::ZeroDuration());
  EXPECT_THAT(events_.events(), SizeIs(1));
  clock_.Advance(absl::Seconds(31));
  streamer_->CheckHealth(absl::ZeroDuration());
  EXPECT_THAT(LastEvent(), HasSubstr("\"end\":\"1970-01-01T00:00:01.000Z\""));
  EXPECT_EQ(streamer_->GetStatus().consecutive_failures, 0u);
}

TEST_F(StreamerTest, PausesAndResumesAnyNumberOfTimes) {
  Make({{.frames = {"a"}, .stays = true}, {.frames = {"b"}, .stays = true}})
      .Start();
  source_->WaitUntilQuiet();
  streamer_->Pause("maintenance");
  streamer_->Pause("again");
  EXPECT_EQ(state(), State::kPaused);
  // The streamer's own thread tells.
  while (events_.events().empty()) std::this_thread::yield();
  EXPECT_THAT(LastEvent(), HasSubstr("\"paused: maintenance\""));
  EXPECT_THAT(
      streamer_->Reconnect(false, ""),
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("resume it")));
  streamer_->Resume("done");
  streamer_->Resume("done");
  sink_.WaitForFrames(2);
  EXPECT_THAT(sink_.frames(), ElementsAre("a", "b"));
  EXPECT_THAT(sleepers_.slept(), IsEmpty());
}

TEST_F(StreamerTest, DisabledSourceConnectsOnlyOnceResumed) {
  options_.disabled = true;
  Make({{.frames = {"a"}, .stays = true}}).Start();
  EXPECT_EQ(state(), State::kPaused);
  EXPECT_THAT(events_.events(), IsEmpty());
  streamer_->Resume("");
  sink_.WaitForFrames(1);
}

TEST_F(StreamerTest, ReconnectCutsTheBackOffShort) {
  sleepers_.Hold();
  Make({{Refused()}, {.frames = {"a"}, .stays = true}}).Start();
  sleepers_.WaitUntilAsleep();
  const SourceStatus status = streamer_->GetStatus();
  EXPECT_EQ(status.state, State::kBackingOff);
  EXPECT_EQ(status.current_backoff, absl::Seconds(1));
  EXPECT_EQ(status.next_retry_time, clock_.Now() + absl::Seconds(1));
  EXPECT_THAT(streamer_->Reconnect(true, "now"), IsOk());
  sink_.WaitForFrames(1);
}

TEST_F(StreamerTest, ReconnectDropsTheConnectionThatStands) {
  Make({{.frames = {"a"}, .stays = true}, {.frames = {"b"}, .stays = true}})
      .Start();
  source_->WaitUntilQuiet();
  EXPECT_THAT(streamer_->Reconnect(false, "stale"), IsOk());
  sink_.WaitForFrames(2);
  EXPECT_THAT(events_.events().front().json, HasSubstr("reconnect: stale"));
  EXPECT_FALSE(streamer_->GetStatus().last_error.has_value());
}

TEST_F(StreamerTest, StopsTwiceAndStaysStopped) {
  Run({{.frames = {"a"}}});
  streamer_->Stop();
  streamer_->Stop();
  EXPECT_EQ(state(), State::kStopped);
  streamer_->Start();
  streamer_->Pause("");
  streamer_->Resume("");
  EXPECT_EQ(state(), State::kStopped);
  EXPECT_THAT(
      streamer_->Reconnect(false, ""),
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("stopped")));
}

TEST_F(StreamerTest, StopBeforeStartMeansThatItNeverStarts) {
  Make({{.frames = {"a"}}}).Stop();
  streamer_->Start();
  streamer_->Stop();
  EXPECT_THAT(sink_.frames(), IsEmpty());
}

TEST_F(StreamerTest, StopsFromManyThreadsAtOnce) {
  Make({{.frames = {"a"}, .stays = true}}).Start();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this] { streamer_->Stop(); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(state(), State::kStopped);
}

// The program that this replaces closed what its reader still wrote to.
TEST_F(StreamerTest, StopWhileDispatchingWaitsForTheSink) {
  sink_.Block();
  Make({{.frames = {"a", "b"}, .stays = true}}).Start();
  sink_.WaitUntilBlocked();
  streamer_->RequestStop();
  std::thread stopper([this] { streamer_->Stop(); });
  EXPECT_NE(state(), State::kStopped);
  sink_.Unblock();
  stopper.join();
  EXPECT_THAT(sink_.frames(), ElementsAre("a"));
}

TEST_F(StreamerTest, StopsOutOfABackOff) {
  sleepers_.Hold();
  Make({{Refused()}}).Start();
  sleepers_.WaitUntilAsleep();
  streamer_->Stop();
}

TEST_F(StreamerTest, StartsNoThreadForAReconnect) {
  const auto threads = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/task"),
                         std::filesystem::directory_iterator());
  };
  Make(std::vector<FakeConnection>(50, {.frames = {"a"}}));
  const auto before = threads();
  streamer_->Start();
  source_->WaitUntilDone();
  EXPECT_EQ(threads(), before + 1) << "the streamer's own";
  EXPECT_THAT(sink_.frames(), SizeIs(50));
}

TEST_F(StreamerTest, IsStaleWhenNothingNewComes) {
  Make({{.frames = {"a"}, .stays = true}, {.frames = {"b"}, .stays = true}})
      .Start();
  source_->WaitUntilQuiet();
  clock_.Advance(absl::Seconds(59));
  streamer_->CheckHealth(absl::ZeroDuration());
  EXPECT_EQ(state(), State::kConnected);
  clock_.Advance(absl::Seconds(1));
  streamer_->CheckHealth(absl::ZeroDuration());
  EXPECT_EQ(state(), State::kStale);
  EXPECT_THAT(LastEvent(), HasSubstr("\"stale\":true"));
}

TEST_F(StreamerTest, IsNotStaleWhileAHandlerHoldsItUp) {
  sink_.Block();
  Make({{.frames = {"a"}, .stays = true}}).Start();
  sink_.WaitUntilBlocked();
  clock_.Advance(absl::Seconds(120));
  streamer_->CheckHealth(absl::ZeroDuration());
  EXPECT_EQ(state(), State::kConnected);
  EXPECT_TRUE(streamer_->GetStatus().blocked);
  SourceStats stats;
  streamer_->FillStats(&stats);
  EXPECT_EQ(stats.blocked_time, absl::Seconds(120) - absl::Milliseconds(10));
}

TEST_F(StreamerTest, TellsWhenMessagesLagAndWhenTheyNoLongerDo) {
  Make({{.frames = {"a"}, .stays = true}}).Start();
  source_->WaitUntilQuiet();
  for (const int lag : {10, 61, 70, 40, 29, 40}) {
    streamer_->CheckHealth(absl::Seconds(lag));
  }
  const std::vector<Event> events = events_.events();
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_EQ(events[0].json,
            R"({"text":"1m1s behind","lagging":true,"lag_seconds":61.000})");
  EXPECT_EQ(events[1].json,
            R"({"text":"29s behind","lagging":false,"lag_seconds":29.000})");
}

TEST_F(StreamerTest, ARecordingIsOldAndDoesNotLag) {
  Make({.kind = "replay_file", .live = false},
       {{.frames = {"a"}, .stays = true}})
      .Start();
  source_->WaitUntilQuiet();
  streamer_->CheckHealth(absl::Hours(24));
  EXPECT_THAT(events_.events(), IsEmpty());
}

TEST_F(StreamerTest, UpstreamErrorsAreEventsButCannotFloodTheLog) {
  Run({{.frames = {"a"}}});
  const size_t before = events_.events().size();
  for (int i = 0; i < 5; ++i) {
    streamer_->ReportUpstreamError("too \"slow\"\xff");
  }
  EXPECT_THAT(events_.events(), SizeIs(before + 1));
  clock_.Advance(absl::Seconds(10));
  streamer_->ReportUpstreamError("too \"slow\"\xff");
  EXPECT_EQ(LastEvent(),
            R"(weir.source.error {"kind":"upstream","status":0,)"
            R"("message":"too \"slow\"?","gave_up":false,"repeats":4})");
  EXPECT_EQ(streamer_->GetStatus().last_error->kind, "upstream");
}

TEST_F(StreamerTest, CountsWhatBecameOfItsBatches) {
  Make({{.frames = {"a", "b", "c"}, .stays = true}}).Start();
  source_->WaitUntilQuiet();
  sink_.Complete(0, Outcome::kAllProcessed);
  sink_.Complete(1, Outcome::kSomeLost);
  SourceStats stats;
  stats.skipped_by_reason["too_long"] = 1;
  streamer_->FillStats(&stats);
  EXPECT_EQ(stats.open_batches, 1u);
  EXPECT_EQ(stats.completed_batches, 2u);
  EXPECT_EQ(stats.incomplete_batches, 1u);
  EXPECT_EQ(stats.skipped_by_reason["too_long"], 2u) << "added to decode's";
}

}  // namespace
}  // namespace weir
