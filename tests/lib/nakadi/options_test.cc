#include "lib/nakadi/options.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/time/time.h"

namespace weir::nakadi {
namespace {

TEST(StreamParametersTest, HasTheServersDefaultsBehindIt) {
  const StreamParameters parameters;
  EXPECT_TRUE(parameters.Check().ok());
  EXPECT_EQ(parameters.EffectiveFlushTimeout(), absl::Seconds(30));
  EXPECT_EQ(parameters.EffectiveCommitTimeout(), absl::Seconds(60));
  EXPECT_EQ(parameters.EffectiveReadTimeout(), absl::Seconds(60));
}

TEST(StreamParametersTest, WaitsForTwoFlushesOfASlowStream) {
  StreamParameters parameters;
  parameters.batch_flush_timeout = absl::Seconds(1);
  EXPECT_EQ(parameters.EffectiveReadTimeout(), absl::Seconds(31));
  parameters.batch_flush_timeout = absl::Seconds(100);
  EXPECT_EQ(parameters.EffectiveReadTimeout(), absl::Seconds(200));
  parameters.read_timeout = absl::Seconds(150);
  EXPECT_EQ(parameters.EffectiveReadTimeout(), absl::Seconds(150));
}

TEST(StreamParametersTest, WaitsLongerForTheFirstLineThanForOthers) {
  StreamParameters parameters;
  parameters.batch_flush_timeout = absl::Seconds(5);
  parameters.commit_timeout = absl::Seconds(20);
  EXPECT_EQ(parameters.FirstLineTimeout(), absl::Seconds(45));
  parameters.read_timeout = absl::Seconds(50);
  EXPECT_EQ(parameters.FirstLineTimeout(), absl::Seconds(50));
}

struct Mistake {
  const char* name;
  std::function<void(StreamParameters&)> make;
  const char* says;
};

class StreamParametersMistake : public testing::TestWithParam<Mistake> {};

INSTANTIATE_TEST_SUITE_P(
    Each, StreamParametersMistake,
    testing::Values(
        Mistake{"PartOfASecond",
                [](auto& p) { p.batch_flush_timeout = absl::Milliseconds(1); },
                "batch_flush_timeout is 1ms; Nakadi takes whole seconds"},
        Mistake{"NegativeTime",
                [](auto& p) { p.stream_timeout = absl::Seconds(-1); },
                "stream_timeout is -1s"},
        Mistake{"PartOfATimespan",
                [](auto& p) { p.batch_timespan = absl::Milliseconds(1500); },
                "batch_timespan is 1.5s"},
        Mistake{"LongCommitTimeout",
                [](auto& p) { p.commit_timeout = absl::Seconds(61); },
                "commit_timeout is 1m1s; servers allow at most 60 s"},
        Mistake{"NoWindow", [](auto& p) { p.max_uncommitted_events = 0; },
                "max_uncommitted_events is 0"},
        Mistake{"ReadTimeoutOfAFlush",
                [](auto& p) { p.read_timeout = absl::Seconds(30); },
                "read_timeout is 30s, not longer than batch_flush_timeout"},
        Mistake{"PartitionOfNothing",
                [](auto& p) {
                  p.partitions = {{"", "0"}};
                },
                "needs both event_type and partition"},
        Mistake{"PartitionTwice",
                [](auto& p) {
                  p.partitions = {{"a", "0"}, {"b", "0"}, {"a", "0"}};
                },
                "partition 0 of a is there twice"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST_P(StreamParametersMistake, IsRefusedWithTheReason) {
  StreamParameters parameters;
  GetParam().make(parameters);
  const absl::Status status = parameters.Check();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), GetParam().says)) << status;
}

}  // namespace
}  // namespace weir::nakadi
