#include "host/source/stream_url.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(StreamUrlTest, AddsFormatAndClientAndHidesCredentials) {
  struct Case {
    const char* why;
    std::string url, request, shown;
  };
  for (const Case& c : std::vector<Case>{
           {"the usual one", "https://ris-live.ripe.net/v1/stream/",
            "https://ris-live.ripe.net/v1/stream/?format=json&client=a+b",
            "https://ris-live.ripe.net/v1/stream/"},
           {"a query that is there stays", "http://127.0.0.1:8080/s?token=x",
            "http://127.0.0.1:8080/s?token=x&format=json&client=a+b",
            "http://127.0.0.1:8080/s"},
           {"what the operator set wins", "http://h/?client=me&format=json",
            "http://h/?client=me&format=json", "http://h/"},
           {"no path", "http://h", "http://h/?format=json&client=a+b",
            "http://h/"},
           {"credentials are for the server only", "http://user:secret@h/s",
            "http://user:secret@h/s?format=json&client=a+b", "http://h/s"},
       }) {
    const auto made = MakeStreamUrl(c.url, "a b");
    ASSERT_THAT(made, IsOk()) << c.why;
    EXPECT_EQ(made->request, c.request) << c.why;
    EXPECT_EQ(made->shown, c.shown) << c.why;
  }
}

TEST(StreamUrlTest, KnowsLoopback) {
  EXPECT_TRUE(MakeStreamUrl("http://127.0.0.1:1/", "c")->loopback);
  EXPECT_TRUE(MakeStreamUrl("http://[::1]:1/", "c")->loopback);
  EXPECT_TRUE(MakeStreamUrl("http://localhost/", "c")->loopback);
  EXPECT_FALSE(MakeStreamUrl("http://192.0.2.1/", "c")->loopback);
}

TEST(StreamUrlTest, RefusesWhatItCannotAsk) {
  EXPECT_THAT(MakeStreamUrl("", "c"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("https")));
  EXPECT_THAT(MakeStreamUrl("http://user:secret@h:port/", "c"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("Port"), Not(HasSubstr("secret")))));
  EXPECT_THAT(
      MakeStreamUrl("file:///etc/passwd", "c"),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"file\"")));
}

}  // namespace
}  // namespace weir
