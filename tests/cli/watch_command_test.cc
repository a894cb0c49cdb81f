// weir watch and weir subscriptions consume: what people and programs see of a
// stream, and of its faults.
#include <fstream>
#include <string>

#include "cli/session.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/cli/command_fixture.h"
#include "tests/fakes/fake_weir_server.h"
#include "weir/v1/event.pb.h"

namespace weir {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using weir::v1::SubscribeResponse;

class WatchCommandTest : public CommandFixture {
 protected:
  void Append(const std::string& text) {
    weir::v1::Event event;
    event.mutable_append_time()->set_seconds(43471);
    event.set_type("hijack.origin");
    event.set_subject("192.0.2.0/24");
    event.set_json("{\"text\":\"" + text + "\"}");
    server_.Append(event);
  }
};

TEST_F(WatchCommandTest, PrintsALineForEachEvent) {
  Append("one");
  Append("two");
  EXPECT_EQ(Output({"watch", "--from", "earliest", "--stop-at-latest"}),
            "6f1c-1     12:04:31  hijack.origin    192.0.2.0/24  one\n"
            "6f1c-2     12:04:31  hijack.origin    192.0.2.0/24  two\n");
  EXPECT_THAT(err_.str(), IsEmpty());
}

TEST_F(WatchCommandTest, PrintsAnEventAsOneJsonObject) {
  Append("one");
  EXPECT_EQ(
      Output({"watch", "--json", "--from", "earliest", "--stop-at-latest"}),
      "{\"id\":\"6f1c-1\",\"seq\":\"1\",\"append_time\":\"1970-01-01T12:04:"
      "31Z\",\"type\":\"hijack.origin\",\"subject\":\"192.0.2.0/24\",\"json\":"
      "\"{\\\"text\\\":\\\"one\\\"}\"}\n"
      "{\"caught_up\":{\"latest_id\":\"6f1c-1\"}}\n");
}

TEST_F(WatchCommandTest, PrintsAPayloadOfAnUnknownTypeAsBytes) {
  weir::v1::Event event;
  event.mutable_proto()->set_type_url("type.example/x.Y");
  event.mutable_proto()->set_value("abc");
  server_.Append(event);
  EXPECT_THAT(Output({"watch", "--json", "--from", "earliest", "--limit", "1"}),
              AllOf(HasSubstr("\"binary\":\"YWJj\""),
                    HasSubstr("\"data_schema\":\"type.example/x.Y\"")));
}

TEST_F(WatchCommandTest, EndsAtItsLimit) {
  for (const char* text : {"one", "two", "three"}) Append(text);
  const std::string output =
      Output({"watch", "--from", "earliest", "--limit", "2"});
  EXPECT_EQ(std::count(output.begin(), output.end(), '\n'), 2);
}

TEST_F(WatchCommandTest, ResumesByItselfAndSaysSoBesideTheEvents) {
  for (const char* text : {"one", "two", "three"}) Append(text);
  server_.Plan({.end_after_messages = 3});

  const std::string output =
      Output({"watch", "--from", "earliest", "--limit", "3"});

  EXPECT_EQ(std::count(output.begin(), output.end(), '\n'), 3);
  EXPECT_EQ(err_.str(),
            "weir: the stream broke: UNAVAILABLE: the fake ends it; connecting "
            "again in 500ms, resuming after 6f1c-2\nweir: connected again\n");
}

TEST_F(WatchCommandTest, ShowsGapsAndNoticesOnLinesOfTheirOwn) {
  Append("one");
  SubscribeResponse::Gap gap;
  gap.set_reason(SubscribeResponse::Gap::REASON_RETENTION);
  gap.set_after_id("6f1c-1");
  gap.set_before_id("6f1c-1200");
  gap.set_missing(1198);
  gap.set_resync_required(true);
  SubscribeResponse::Notice notice;
  notice.set_code("SERVER_DRAINING");
  notice.set_message("restart\x1b[2J");
  server_.Plan({.gap = gap, .notice = notice});
  server_.Plan({.gap = gap, .notice = notice});

  EXPECT_THAT(
      Output({"watch", "--from", "earliest", "--limit", "1"}),
      HasSubstr("-- gap: 1,198 positions are missing after 6f1c-1 before "
                "6f1c-1200 (retention); rebuild derived state\n"
                "-- notice: SERVER_DRAINING: restart\\x1b[2J\n6f1c-1"));
  EXPECT_THAT(Output({"watch", "--json", "--from", "earliest", "--limit", "1"}),
              AllOf(HasSubstr("{\"gap\":{\"reason\":\"REASON_RETENTION\""),
                    HasSubstr("{\"notice\":{\"code\":\"SERVER_DRAINING\"")));
}

TEST_F(WatchCommandTest, SendsItsOptionsAsOneFilter) {
  Append("one");
  Output({"watch",
          "--from",
          "tail=1",
          "--type",
          "a.*",
          "--type",
          "b",
          "--subject",
          "^AS",
          "--min-severity",
          "error",
          "--prefix",
          "192.0.2.0/24",
          "--prefix-match",
          "more-specific",
          "--asn",
          "64496",
          "--source",
          "plugins/hijack",
          "--limit",
          "1"});
  ASSERT_THAT(server_.subscribes(), SizeIs(1));
  const weir::v1::SubscribeRequest request = server_.subscribes()[0];
  ASSERT_EQ(request.filters_size(), 1);
  const weir::v1::EventFilter& filter = request.filters(0);
  EXPECT_EQ(request.start().tail(), 1);
  EXPECT_THAT(filter.types(), ElementsAre("a.*", "b"));
  EXPECT_THAT(filter.subject_regexes(), ElementsAre("^AS"));
  EXPECT_THAT(filter.prefixes(), ElementsAre("192.0.2.0/24"));
  EXPECT_THAT(filter.as_numbers(), ElementsAre(64496));
  EXPECT_THAT(filter.sources(), ElementsAre("plugins/hijack"));
  EXPECT_EQ(filter.min_severity(), weir::v1::SEVERITY_ERROR);
  EXPECT_EQ(filter.prefix_match(), weir::v1::PREFIX_MATCH_MORE_SPECIFIC);
}

TEST_F(WatchCommandTest, GoesOnFromItsCursorFile) {
  const std::string path = testing::TempDir() + "watch_cursor";
  std::ofstream(path) << "6f1c-2\n";
  for (const char* text : {"one", "two", "three"}) Append(text);

  EXPECT_THAT(Output({"watch", "--cursor-file", path, "--limit", "1"}),
              HasSubstr("three"));

  std::string cursor;
  std::getline(std::ifstream(path), cursor);
  EXPECT_EQ(cursor, "6f1c-3");
}

TEST_F(WatchCommandTest, EndsWithTheServersWordOnAnErrorThatStays) {
  server_.Plan(
      {.refuse = FakeWeirServer::Error(grpc::StatusCode::INVALID_ARGUMENT,
                                       "missing )", "INVALID_FILTER_REGEX")});
  EXPECT_EQ(Run({"watch", "--subject", "("}), cli::kRefused);
  EXPECT_THAT(err_.str(),
              HasSubstr("INVALID_ARGUMENT: missing ) (INVALID_FILTER_REGEX)"));
}

TEST_F(WatchCommandTest, EndsWellWhenItIsInterrupted) {
  interrupt_.Trigger();
  EXPECT_EQ(Run({"watch"}), cli::kDone);
}

TEST_F(WatchCommandTest, AcknowledgesWhatItConsumed) {
  Append("one");
  Output({"subscriptions", "create", "noc", "--from", "earliest"});
  EXPECT_THAT(Output({"subscriptions", "consume", "noc", "--limit", "1"}),
              HasSubstr("one"));
  EXPECT_THAT(server_.acknowledged(), ElementsAre("6f1c-1"));
}

}  // namespace
}  // namespace weir
