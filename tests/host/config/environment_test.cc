#include "host/config/environment.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using testing::HasSubstr;

Environment AnEnvironment() {
  const auto variable =
      [](absl::string_view name) -> std::optional<std::string> {
    if (name == "A_1") return "${B}";
    if (name == "EMPTY") return "";
    return std::nullopt;
  };
  return {variable, "", ""};
}

TEST(ExpandTest, PutsInVariablesOnce) {
  EXPECT_THAT(Expand("a${A_1}b${EMPTY}", AnEnvironment()),
              IsOkAndHolds("a${B}b"));
}

TEST(ExpandTest, SaysWhatIsWrong) {
  for (const auto& [text, want] :
       std::vector<std::pair<const char*, const char*>>{
           {"${B}", "the environment variable B is not set"},
           {"${A_1", "without a \"}\""},
           {"${}", "takes the name"},
           {"${A_1:-x}", "takes the name"},
           {"${1A}", "takes the name"}}) {
    EXPECT_THAT(Expand(text, AnEnvironment()),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(want)))
        << text;
  }
}

TEST(UnexpandTest, IsUndoneByExpand) {
  for (const char* text :
       {"", "$", "${", "$${", "$$${A_1}", "${A_1}$", "$}{", "${${", "$$$$"}) {
    EXPECT_THAT(Expand(Unexpand(text), AnEnvironment()), IsOkAndHolds(text));
  }
}

}  // namespace
}  // namespace weir
