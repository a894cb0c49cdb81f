#include "cli/event_line.h"

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "weir/v1/event.pb.h"

namespace weir {
namespace {

weir::v1::Event Hijack() {
  weir::v1::Event event;
  event.set_id("6f1c-4711");
  event.mutable_event_time()->set_seconds(43471);
  event.set_type("hijack.origin");
  event.set_subject("192.0.2.0/24");
  event.set_json(
      R"({"text": "originated by AS64500, expected AS64496", "n": 1})");
  return event;
}

TEST(EventLineTest, AlignsWhatItShows) {
  cli::EventLine line(absl::UTCTimeZone(), /*colour=*/false);
  EXPECT_EQ(line.Format(Hijack()),
            "6f1c-4711  12:04:31  hijack.origin    192.0.2.0/24  originated by "
            "AS64500, expected AS64496");
}

TEST(EventLineTest, StaysWideAfterAWideOne) {
  cli::EventLine line(absl::UTCTimeZone(), /*colour=*/false);
  weir::v1::Event wide = Hijack();
  wide.set_subject("2001:db8:1:2::/64");
  line.Format(wide);
  EXPECT_EQ(line.Format(Hijack()),
            "6f1c-4711  12:04:31  hijack.origin    192.0.2.0/24       "
            "originated by AS64500, expected AS64496");
}

TEST(EventLineTest, EscapesEverythingThatTheNetworkChose) {
  cli::EventLine line(absl::UTCTimeZone(), /*colour=*/false);
  weir::v1::Event event = Hijack();
  event.set_type("\x1b[2J");
  event.set_subject("a\nb");
  event.set_json("{\"text\":\"\\u001b[31m\"}");
  EXPECT_EQ(line.Format(event),
            "6f1c-4711  12:04:31  \\x1b[2J          a\\nb          \\x1b[31m");
}

TEST(EventLineTest, ColoursWhatIsBad) {
  cli::EventLine line(absl::UTCTimeZone(), /*colour=*/true);
  weir::v1::Event event = Hijack();
  event.set_severity(weir::v1::SEVERITY_NOTICE);
  EXPECT_EQ(line.Format(event).find('\x1b'), std::string::npos);
  event.set_severity(weir::v1::SEVERITY_CRITICAL);
  EXPECT_EQ(line.Format(event).substr(0, 5), "\x1b[31m");
}

TEST(EventTextTest, PrefersWhatWasWrittenForPeople) {
  struct Case {
    const char* why;
    const char* label;
    const char* json;
    const char* want;
  };
  for (const Case& c : std::vector<Case>{
           {"a label", "text", R"({"text":"json"})", "label"},
           {"text in the payload", "x", R"({"n":1,"text":"hello"})", "hello"},
           {"message does as well", "x", R"({"message":"hello"})", "hello"},
           {"summary does as well", "x", R"({"summary":"hello"})", "hello"},
           {"compact JSON, numbers as they were written", "x",
            "{ \"n\": 12345678901234567890,\n \"s\": \"a \\\" b\" }",
            R"({"n":12345678901234567890,"s":"a \" b"})"},
           {"text that is no string", "x", R"({"text": 5})", R"({"text":5})"},
           {"an array", "x", "[1, 2]", "[1,2]"},
           {"not JSON at all", "x", "{", "{"},
       }) {
    weir::v1::Event event;
    (*event.mutable_labels())[c.label] = "label";
    event.set_json(c.json);
    EXPECT_EQ(cli::EventText(event), c.want) << c.why;
  }
}

TEST(EventTextTest, ShowsLabelsOrTheKindOfBytesWithoutJson) {
  weir::v1::Event event;
  event.set_binary("1234");
  event.set_data_schema("application/mrt");
  EXPECT_EQ(cli::EventText(event), "4 B of application/mrt");
  (*event.mutable_labels())["b"] = "2";
  (*event.mutable_labels())["a"] = "1";
  EXPECT_EQ(cli::EventText(event), "a=1 b=2");
}

TEST(EventTextTest, CutsWhatNobodyReads) {
  weir::v1::Event event;
  std::string umlauts;
  for (int i = 0; i < 401; ++i) umlauts += "ü";
  (*event.mutable_labels())["text"] = umlauts;
  EXPECT_EQ(cli::EventText(event), umlauts.substr(0, 800) + "...");
}

}  // namespace
}  // namespace weir
