#include "lib/steward/message_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "lib/steward/message.h"
#include "tests/lib/steward/vectors.h"

namespace weir::steward {
namespace {

using ::testing::HasSubstr;

TEST(MessageJson, WritesTheFieldsInTheirOrder) {
  EXPECT_EQ(
      MessageToJson(Cli()),
      R"({"toNode":"node2","toNodes":null,"jetstreamToNode":"","id":42,)"
      R"("data":null,"method":"cliCommand","methodArgs":["bash","-c",)"
      R"("echo hi"],"argSignature":null,"replyMethod":"fileAppend",)"
      R"("replyMethodArgs":null,"isReply":false,"fromNode":"node1",)"
      R"("ACKTimeout":3,"retryWait":1,"isSubPublishedMsg":false,"retries":2,)"
      R"("replyACKTimeout":5,"replyRetries":4,"methodTimeout":-1,)"
      R"("replyMethodTimeout":0,"directory":"d","fileName":"f.log",)"
      R"("PreviousMessage":null,"schedule":[2,6],"useDetectedShell":false,)"
      R"("methodInstructions":null,"replyMethodInstructions":null})");
}

TEST(MessageJson, ReadsWhatItWrote) {
  for (const Message& message : {Message(), Hello(), Cli(), Reply(Cli())}) {
    const std::string json = MessageToJson(message);
    const absl::StatusOr<Message> read = MessageFromJson(json);
    ASSERT_TRUE(read.ok()) << json << ": " << read.status();
    EXPECT_EQ(*read, message) << json;
  }
}

TEST(MessageJson, PassesOverWhatItDoesNotKnow) {
  const absl::StatusOr<Message> read = MessageFromJson(
      R"({"method":"hello","nodes":[{"a":[1]}],"toNode":null})");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->method, "hello");
}

TEST(MessageJson, SaysWhatItRefusesAndWhere) {
  struct Refused {
    const char* json;
    const char* reason;
  };
  const Refused refused[] = {
      {"", "no JSON"},
      {"{", "no JSON"},
      {"{} {}", "no JSON"},
      {"{\"toNode\":\"\xff\"}", "no JSON"},
      {"[]", "type array in place of an object"},
      {R"({"toNode":1})", "toNode: it is of type number in place of a text"},
      {R"({"id":1.5})", "id: it is of type number in place of a whole number"},
      {R"({"id":9223372036854775808})", "id: its number does not fit"},
      {R"({"isReply":"true"})", "isReply: it is of type string"},
      {R"({"methodArgs":"a"})", "in place of a list of texts"},
      {R"({"methodArgs":[1]})", "methodArgs: it is of type number"},
      {R"({"schedule":[null,"a"]})", "schedule: it is of type string"},
      {R"({"data":"%"})", "data: its text is no base64"},
      {R"({"data":[1,2]})", "data: it is of type array"},
      {R"({"PreviousMessage":[]})", "PreviousMessage: it is of type array"},
      {R"({"PreviousMessage":{"PreviousMessage":{"id":""}}})",
       "PreviousMessage.PreviousMessage.id: it is of type string"},
  };
  for (const Refused& row : refused) {
    const absl::Status status = MessageFromJson(row.json).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << row.json;
    EXPECT_THAT(std::string(status.message()), HasSubstr(row.reason))
        << row.json;
  }
}

TEST(MessageJson, ComesAloneOrInAList) {
  const auto one =
      MessagesFromJson(R"({"toNode":"a","method":"hello","data":"aGk="})", 2);
  ASSERT_TRUE(one.ok()) << one.status();
  ASSERT_EQ(one->size(), 1u);
  EXPECT_EQ((*one)[0].data, Message::Texts{"hi"});

  const auto two = MessagesFromJson(
      R"([{"method":"hello"},{"method":"ping","data":["a","b"]}])", 2);
  ASSERT_TRUE(two.ok()) << two.status();
  ASSERT_EQ(two->size(), 2u);
  EXPECT_EQ((*two)[0].method, "hello");
  EXPECT_EQ((*two)[1].data, (Message::Texts{"a", "b"}));
}

TEST(MessageJson, OfAListIsRefusedWithItsIndex) {
  const std::pair<const char*, const char*> refused[] = {
      {"", "no JSON"},
      {"7", "messages[0]: it is of type number"},
      {"[]", "there are 0; must be 1 to 2"},
      {"[{},{},{}]", "there are 3; must be 1 to 2"},
      {R"([{},[]])", "messages[1]: it is of type array"},
      {R"([{},{"data":[7]}])", "messages[1].data: it is of type number"},
      {R"([{},{"PreviousMessage":{"id":"x"}}])",
       "messages[1].PreviousMessage.id: it is of type string"},
  };
  for (const auto& [json, reason] : refused) {
    const absl::Status status = MessagesFromJson(json, 2).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << json;
    EXPECT_THAT(std::string(status.message()), HasSubstr(reason)) << json;
  }
  EXPECT_FALSE(MessageFromJson(R"({"data":["a"]})").ok())
      << "only where it is asked for";
}

std::string Nested(const std::string& open, int times) {
  std::string json;
  for (int i = 0; i < times; ++i) json += open;
  return json;
}

TEST(MessageJson, RefusesAChainThatIsTooLong) {
  const std::string open = "{\"PreviousMessage\":";
  EXPECT_TRUE(MessageFromJson(
                  absl::StrCat(Nested(open, 30), "{}", std::string(30, '}')))
                  .ok());
  EXPECT_THAT(std::string(MessageFromJson(absl::StrCat(Nested(open, 31), "{}",
                                                       std::string(31, '}')))
                              .status()
                              .message()),
              HasSubstr("more than 31 messages"));
  EXPECT_THAT(std::string(MessageFromJson(
                              absl::StrCat("{\"x\":", std::string(200000, '[')))
                              .status()
                              .message()),
              HasSubstr("nested deeper"));
}

}  // namespace
}  // namespace weir::steward
