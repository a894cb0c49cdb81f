#include "host/source/source_set.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/control/source_stats.h"
#include "host/control/source_status.h"
#include "host/pipeline/event.h"
#include "host/status/error_info.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_event_sink.h"
#include "tests/fakes/fake_frame_sink.h"
#include "tests/fakes/fake_sleeper_factory.h"
#include "tests/fakes/fake_source.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using State = SourceStatus::State;

class SourceSetTest : public testing::Test {
 protected:
  ~SourceSetTest() override {
    sink_.Unblock();
    sources_.Stop();
  }

  // A source that gives one frame, its id, and then stays.
  SourceSpec Spec(absl::string_view id) {
    SourceSpec spec;
    spec.options.id = std::string(id);
    spec.options.decoder = "opaque";
    const FakeConnection connection = {.frames = {std::string(id)},
                                       .stays = true};
    spec.source = std::make_unique<FakeSource>(
        std::vector<FakeConnection>{connection, connection}, clock_);
    spec.sink = &sink_;
    spec.fill_stats = [](SourceStats* stats) {
      stats->messages = 42;
      stats->lag = absl::Seconds(70);
    };
    spec.blocked_by = [] { return std::vector<std::string>{"plugins/slow"}; };
    return spec;
  }

  FakeClock clock_;
  FakeFrameSink sink_;
  FakeEventSink events_;
  FakeSleeperFactory sleepers_{clock_};
  SourceSet sources_{events_, clock_, sleepers_.factory()};
};

TEST_F(SourceSetTest, ListsItsSourcesByName) {
  ASSERT_THAT(sources_.Add(Spec("b")), IsOk());
  ASSERT_THAT(sources_.Add(Spec("a")), IsOk());
  EXPECT_THAT(sources_.List(),
              ElementsAre(Field(&SourceStatus::name, "sources/a"),
                          Field(&SourceStatus::name, "sources/b")));
  EXPECT_EQ(sources_.List()[0].decoder, "opaque");
  EXPECT_THAT(
      sources_.Add(Spec("a")),
      StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("sources/a")));
}

TEST_F(SourceSetTest, MergesWhatTheDecodeStageCountsWithTheConnections) {
  ASSERT_THAT(sources_.Add(Spec("a")), IsOk());
  sources_.Start();
  sink_.WaitForFrames(1);
  const std::vector<SourceStats> stats = sources_.Stats();
  ASSERT_EQ(stats.size(), 1u);
  EXPECT_EQ(stats[0].name, "sources/a");
  EXPECT_EQ(stats[0].messages, 42u);
  EXPECT_EQ(stats[0].bytes, 1u);
  EXPECT_EQ(stats[0].skipped_by_reason.at("too_long"), 1u);
  sources_.LogStats();
}

TEST_F(SourceSetTest, AsksTheDecodeStageForTheLagThatItWatches) {
  ASSERT_THAT(sources_.Add(Spec("a")), IsOk());
  sources_.Start();
  sink_.WaitForFrames(1);
  sources_.CheckHealth();
  EXPECT_THAT(events_.events(),
              ElementsAre(Field(&Event::type, "weir.source.lag")));
}

TEST_F(SourceSetTest, SteersASourceByItsName) {
  ASSERT_THAT(sources_.Add(Spec("a")), IsOk());
  sources_.Start();
  sink_.WaitForFrames(1);
  EXPECT_EQ(sources_.Pause("sources/a", "why")->state, State::kPaused);
  EXPECT_THAT(
      sources_.Reconnect("sources/a", false, "why"),
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("resume it")));
  EXPECT_THAT(sources_.Resume("sources/a", "why"), IsOk());
  sink_.WaitForFrames(2);
}

TEST_F(SourceSetTest, SaysWhichSourceItDoesNotKnow) {
  for (const absl::Status& status :
       {sources_.Pause("sources/x", "").status(),
        sources_.Resume("sources/x", "").status(),
        sources_.Reconnect("sources/x", false, "").status(),
        sources_.Remove("sources/x")}) {
    EXPECT_THAT(status,
                StatusIs(absl::StatusCode::kNotFound, HasSubstr("sources/x")));
    EXPECT_EQ(GetErrorInfo(status)->reason, "SOURCE_NOT_FOUND");
  }
  sources_.ReportUpstreamError("sources/x", "nobody hears it");
}

TEST_F(SourceSetTest, AddsAndRemovesSourcesWhileItRuns) {
  sources_.Start();
  ASSERT_THAT(sources_.Add(Spec("a")), IsOk());
  sink_.WaitForFrames(1);
  EXPECT_THAT(sources_.Remove("sources/a"), IsOk());
  EXPECT_THAT(sources_.List(), IsEmpty());
}

TEST_F(SourceSetTest, SaysWhoBlocksASource) {
  sink_.Block();
  ASSERT_THAT(sources_.Add(Spec("a")), IsOk());
  sources_.Start();
  sink_.WaitUntilBlocked();
  EXPECT_FALSE(sources_.List()[0].blocked);
  clock_.Advance(absl::Milliseconds(11));
  EXPECT_TRUE(sources_.List()[0].blocked);
  EXPECT_THAT(sources_.List()[0].blocked_by, ElementsAre("plugins/slow"));
}

TEST_F(SourceSetTest, StopsTwiceAndTakesNoMoreSources) {
  ASSERT_THAT(sources_.Add(Spec("a")), IsOk());
  sources_.Start();
  sources_.Stop();
  sources_.Stop();
  EXPECT_EQ(sources_.List()[0].state, State::kStopped);
  EXPECT_THAT(
      sources_.Add(Spec("b")),
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("sources/b")));
}

}  // namespace
}  // namespace weir
