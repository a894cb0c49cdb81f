#include "cli/steward_messages.h"

#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "weir/v1/steward.pb.h"

namespace weir::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

weir::v1::SendMessagesRequest Read(const std::string& text) {
  weir::v1::SendMessagesRequest request;
  const absl::Status status = ReadStewardMessages("f", text, &request);
  EXPECT_TRUE(status.ok()) << status;
  return request;
}

TEST(StewardMessagesTest, ReadsAllFieldsByTheNamesOfTheirJson) {
  // As ctrl writes it, and what a schedule and a reply add.
  const auto request = Read(R"([{"toNode":"node2","toNodes":null,
      "jetstreamToNode":"","id":42,"data":"AQL/","method":"cliCommand",
      "methodArgs":["bash","-c","echo hi"],"argSignature":null,
      "replyMethod":"fileAppend","replyMethodArgs":null,"isReply":true,
      "fromNode":"node1","ACKTimeout":3,"retryWait":1,
      "isSubPublishedMsg":false,"retries":2,"replyACKTimeout":5,
      "replyRetries":4,"methodTimeout":-1,"replyMethodTimeout":0,
      "directory":"d","fileName":"f.log","PreviousMessage":{"toNode":"x"},
      "schedule":[2,6],"useDetectedShell":true,"methodInstructions":["i"],
      "replyMethodInstructions":null}])");
  ASSERT_EQ(request.messages_size(), 1);
  const weir::v1::StewardMessage& message = request.messages(0);
  EXPECT_EQ(message.to_node(), "node2");
  EXPECT_EQ(message.id(), 42);
  EXPECT_EQ(message.data(), "\x01\x02\xff");
  EXPECT_EQ(message.method(), "cliCommand");
  EXPECT_THAT(message.method_args(), ElementsAre("bash", "-c", "echo hi"));
  EXPECT_EQ(message.reply_method(), "fileAppend");
  EXPECT_TRUE(message.is_reply());
  EXPECT_EQ(message.from_node(), "node1");
  EXPECT_EQ(message.ack_timeout(), 3);
  EXPECT_EQ(message.retry_wait(), 1);
  EXPECT_EQ(message.retries(), 2);
  EXPECT_EQ(message.reply_ack_timeout(), 5);
  EXPECT_EQ(message.reply_retries(), 4);
  EXPECT_EQ(message.method_timeout(), -1);
  EXPECT_EQ(message.directory(), "d");
  EXPECT_EQ(message.file_name(), "f.log");
  EXPECT_EQ(message.previous_message().to_node(), "x");
  EXPECT_THAT(message.schedule(), ElementsAre(2, 6));
  EXPECT_TRUE(message.use_detected_shell());
  EXPECT_THAT(message.method_instructions(), ElementsAre("i"));
}

TEST(StewardMessagesTest, ReadsYamlAndOneMessageAlone) {
  auto request = Read(
      "- toNodes: [a, b]\n  method: REQHello\n  retries: 1\n"
      "- toNode: c\n  data: [x, 'y: z']\n");
  ASSERT_EQ(request.messages_size(), 2);
  EXPECT_THAT(request.messages(0).to_nodes(), ElementsAre("a", "b"));
  EXPECT_EQ(request.messages(0).retries(), 1);
  EXPECT_THAT(request.messages(1).data_texts(), ElementsAre("x", "y: z"));
  request = Read("to_node: 12\nack_timeout: 5");
  EXPECT_EQ(request.messages(0).to_node(), "12");
  EXPECT_EQ(request.messages(0).ack_timeout(), 5);
}

TEST(StewardMessagesTest, SaysWhereWhatIsWrong) {
  struct Case {
    const char* text;
    const char* what;
  };
  for (const Case& c : {
           Case{"- toNode: a\n  metod: b", "f:2: \"metod\" is no field"},
           Case{"- toNode: a\n  retries: x", "f:2: retries: \"x\" is no whole"},
           Case{"- methodArgs: a", "f:1: methodArgs is a list"},
           Case{"- toNode: [a]", "f:1: toNode is no list"},
           Case{"- methodArgs: [{a: b}]", "has no list or map"},
           Case{"- isReply: yes", "neither true nor false"},
           Case{"- data: '?'", "data is no base64; texts stand in a list"},
           Case{"- a\n- b", "f:1: is no message"},
           Case{"just text", "f:1: is no message"},
           Case{"", "is no message"},
           Case{"- {", "f:"},
       }) {
    weir::v1::SendMessagesRequest request;
    const absl::Status status = ReadStewardMessages("f", c.text, &request);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.text;
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.what)) << c.text;
  }
}

TEST(StewardMessagesTest, EndsAtAChainThatIsTooLong) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "{PreviousMessage: ";
  text += "{}";
  for (int i = 0; i < 1000; ++i) text += "}";
  weir::v1::SendMessagesRequest request;
  EXPECT_FALSE(ReadStewardMessages("f", text, &request).ok());
}

}  // namespace
}  // namespace weir::cli
