#include "sim/fault.h"

#include <optional>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sim/fault_script.h"
#include "tests/support/status_matchers.h"

namespace weir::sim {
namespace {

using ::testing::HasSubstr;

TEST(FaultTest, IsReadFromText) {
  struct Case {
    const char* text;
    Fault want;
  };
  for (const Case& c : std::vector<Case>{
           {"cut-mid-line", {FaultKind::kCutMidLine, 0}},
           {"eof", {FaultKind::kEof, 0}},
           {"stall", {FaultKind::kStall, 0}},
           {"stall:30", {FaultKind::kStall, 30}},
           {"garbage", {FaultKind::kGarbage, 0}},
           {"unknown-type", {FaultKind::kUnknownType, 0}},
           {"long-line", {FaultKind::kLongLine, 3145728}},
           {"long-line:2048", {FaultKind::kLongLine, 2048}},
           {"ris-error", {FaultKind::kRisError, 0}},
           {"http-500", {FaultKind::kHttp500, 0}},
           {"http-404", {FaultKind::kHttp404, 0}},
           {"redirect", {FaultKind::kRedirect, 0}},
           {"slow-headers", {FaultKind::kSlowHeaders, 3}},
           {"gzip", {FaultKind::kGzip, 0}},
           {"old-format", {FaultKind::kOldFormat, 0}},
           {"burst:1", {FaultKind::kBurst, 1}},
       }) {
    EXPECT_THAT(Fault::Parse(c.text), IsOkAndHolds(c.want)) << c.text;
  }
}

TEST(FaultTest, RefusesWithTheCure) {
  struct Case {
    const char* why;
    const char* text;
    const char* want;
  };
  for (const Case& c : std::vector<Case>{
           {"no number", "eof", "AFTER_N_MESSAGES"},
           {"no number either", ":eof", "AFTER_N_MESSAGES"},
           {"a negative one", "-1:eof", "AFTER_N_MESSAGES"},
           {"nothing", "", "AFTER_N_MESSAGES"},
           {"an unknown kind", "5:explode", "unknown fault 'explode'"},
           {"the kinds are listed", "5:explode", "cut-mid-line, eof, stall"},
           {"no kind", "5:", "unknown fault ''"},
           {"an argument too many", "5:eof:3", "eof takes no argument"},
           {"no number for an argument", "5:burst:many",
            "burst takes a number from 1 to 1000000"},
           {"an argument out of range", "5:burst:0", "from 1 to 1000000"},
           {"an empty argument", "5:long-line:", "from 1024 to 67108864"},
       }) {
    EXPECT_THAT(ScriptedFault::Parse(c.text),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(c.want)))
        << c.why;
  }
}

TEST(FaultScriptTest, FiresEachFaultOnceAtItsPlaceInTheOrderGiven) {
  FaultScript script({{20, {FaultKind::kGarbage, 0}},
                      {10, {FaultKind::kEof, 0}},
                      {10, {FaultKind::kStall, 0}}});
  EXPECT_EQ(script.MessagesToNext(0), 10u);
  EXPECT_EQ(script.TakeForStream(9), std::nullopt);
  EXPECT_EQ(script.TakeForStream(10)->kind, FaultKind::kEof);
  EXPECT_EQ(script.TakeForStream(10)->kind, FaultKind::kStall);
  EXPECT_EQ(script.TakeForStream(10), std::nullopt);
  EXPECT_EQ(script.MessagesToNext(10), 10u);
  EXPECT_EQ(script.TakeForStream(25)->kind, FaultKind::kGarbage);
  EXPECT_GT(script.MessagesToNext(25), 1000000u);
}

TEST(FaultScriptTest, KeepsThoseOfTheRequestFromTheStream) {
  FaultScript script({{10, {FaultKind::kHttp500, 0}}});
  EXPECT_EQ(script.TakeForStream(10), std::nullopt);
  EXPECT_EQ(script.TakeForRequest(9), std::nullopt);
  EXPECT_EQ(script.TakeForRequest(12)->kind, FaultKind::kHttp500);
  EXPECT_EQ(script.TakeForRequest(12), std::nullopt);
}

}  // namespace
}  // namespace weir::sim
