#include "host/broker/replay_id.h"

#include <string>
#include <vector>

#include "absl/random/bit_gen_ref.h"
#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/status/error_info.h"
#include "tests/fakes/steady_random.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

TEST(ReplayIdTest, ReadsWhatItWrites) {
  for (const uint64_t seq : {uint64_t{0}, uint64_t{1}, UINT64_MAX}) {
    const std::string text = FormatReplayId("7k2mq9xv", seq);
    EXPECT_THAT(ParseReplayId(text, "f"),
                IsOkAndHolds(ReplayId{"7k2mq9xv", seq}));
  }
  EXPECT_EQ(FormatReplayId("7k2mq9xv", 184467), "7k2mq9xv-184467");
}

TEST(ReplayIdTest, RefusesEverySpellingButOne) {
  struct Case {
    const char* why;
    std::string text;
  };
  for (const Case& c : std::vector<Case>{
           {"empty", ""},
           {"no number", "7k2mq9xv"},
           {"no digits", "7k2mq9xv-"},
           {"a zero before", "7k2mq9xv-01"},
           {"a sign", "7k2mq9xv-+1"},
           {"a negative one", "7k2mq9xv--1"},
           {"a space before", " 7k2mq9xv-1"},
           {"a space between", "7k2mq9xv- 1"},
           {"a space after", "7k2mq9xv-1 "},
           {"one more than fits", "7k2mq9xv-18446744073709551616"},
           {"far more than fits", "7k2mq9xv-99999999999999999999999"},
           {"a short epoch", "7k2mq9x-1"},
           {"a long epoch", "7k2mq9xvv-1"},
           {"upper case", "7K2mq9xv-1"},
           {"a letter that is not of the alphabet", "7k2mq9xl-1"},
           {"hexadecimal", "7k2mq9xv-0x1"},
           {"a NUL", std::string("7k2mq9xv-1\0", 11)},
       }) {
    const auto id = ParseReplayId(c.text, "start.after_id");
    EXPECT_EQ(id.status().code(), absl::StatusCode::kInvalidArgument) << c.why;
    const auto info = GetErrorInfo(id.status());
    ASSERT_TRUE(info.has_value()) << c.why;
    EXPECT_EQ(info->reason, "INVALID_REPLAY_ID") << c.why;
    EXPECT_EQ(info->metadata.at("field"), "start.after_id") << c.why;
    EXPECT_TRUE(info->metadata.contains("value")) << c.why;
  }
}

TEST(ReplayIdTest, MakesEpochsThatItReads) {
  SteadyRandom random;
  const std::string epoch = MakeEpoch(absl::BitGenRef(random));
  EXPECT_EQ(epoch, "zzzzzzzz");
  EXPECT_THAT(ParseReplayId(FormatReplayId(epoch, 1), "f"), IsOk());
}

}  // namespace
}  // namespace weir
