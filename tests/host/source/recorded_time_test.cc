#include "host/source/recorded_time.h"

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

namespace weir {
namespace {

TEST(RecordedTimeTest, ReadsTheNumberAndNothingElse) {
  struct Case {
    const char* why;
    absl::string_view line;
    std::optional<int64_t> want;
  };
  for (const Case& c : std::vector<Case>{
           {"today's format", R"({"data":{"timestamp":1789019601.670,"x":1}})",
            1789019601670000000},
           {"one decimal, 2019", R"("timestamp":1558569600.2)",
            1558569600200000000},
           {"none", R"({"timestamp":7})", 7000000000},
           {"white space", R"({"timestamp": 7.5})", 7500000000},
           {"more decimals than there are nanoseconds",
            R"("timestamp":1.1234567899)", 1123456789},
           {"a string is no number", R"("timestamp":"7")", std::nullopt},
           {"no such key", R"({"time":7})", std::nullopt},
           {"cut off", R"({"timestamp":)", std::nullopt},
           {"milliseconds, not seconds", R"("timestamp":1789019601670)",
            std::nullopt},
           {"would overflow", R"("timestamp":99999999999999999999999)",
            std::nullopt},
       }) {
    EXPECT_EQ(RecordedTimeNs(c.line), c.want) << c.why;
  }
}

}  // namespace
}  // namespace weir
