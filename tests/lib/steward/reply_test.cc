#include "lib/steward/reply.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "lib/steward/layout.h"
#include "lib/steward/message.h"
#include "lib/steward/message_codec.h"
#include "lib/steward/payload.h"
#include "tests/lib/steward/vectors.h"

namespace weir::steward {
namespace {

// What a running node has published, out of its compression.
Message Captured(absl::string_view hex) {
  const std::string bytes = Unhex(hex);
  return DecodePayload({.serial = "cbor", .cmp = "z"}, bytes, 1 << 20)
      .value()
      .message;
}

TEST(ReplyTest, IsToTheByteWhatTheOriginalProgramsStructsAre) {
  Message of_ctrl = MakeReply(Cli(), "hi\n");
  of_ctrl.id = 1000;
  EXPECT_EQ(EncodeMessage(of_ctrl, Layout::kC4),
            Unhex("981b656e6f646531f6601903e84368690a6a66696c65417070656e64f6f6"
                  "60f6f5656e6f6465320501f40400000000616465662e6c6f67981b656e6f"
                  "646532f660182af66a636c69436f6d6d616e64836462617368622d636765"
                  "63686f206869f66a66696c65417070656e64f6f4656e6f6465310301f402"
                  "05042000616465662e6c6f67f6820206f4f6f6f6f4f6f6"));
  Message of_steward = MakeReply(InSteward(Cli()), "hi\n");
  of_steward.id = 1000;
  EXPECT_EQ(EncodeMessage(of_steward, Layout::kS1),
            Unhex("97656e6f646531f61903e84368690a6f524551546f46696c65417070656e"
                  "64f6f660f6f5656e6f6465320501f40400000000616465662e6c6f679765"
                  "6e6f646532f6182af66d524551436c69436f6d6d616e6483646261736862"
                  "2d63676563686f206869f66f524551546f46696c65417070656e64f6f465"
                  "6e6f6465310301f40205042000616465662e6c6f67f6820206f6"));
}

TEST(ReplyTest, AnswersWhatARunningNodeOfS1WasAsked) {
  const Message request = Captured(
      "28b52ffd0400990500976763656e7472616cf603f66d524551436c69436f6d6d616e6483"
      "6462617368622d6378236563686f2068656c6c6f2066726f6d2024484f53544e414d455f"
      "583b2065786974203058404f6ef5d07937e1d0bc511e304d3d692388764ca27d3d1a74e2"
      "a8131801a774770438254f88862b2d463b6cf28b92be57eec18f2f974cc44814f83157c6"
      "6e2b096c524551546f436f6e736f6c65f6f4656e6f6465310300f4020401050062643166"
      "66312e6c6f67f6f64f805363");
  ASSERT_EQ(WantsReply(request), absl::OkStatus());
  const Message reply = MakeReply(request, "hello from\n");
  EXPECT_EQ(reply.to_node, "node1");
  EXPECT_EQ(reply.from_node, "central");
  EXPECT_EQ(reply.method, "REQToConsole");
  EXPECT_TRUE(reply.is_reply);
  EXPECT_EQ(*reply.data, Message::Texts{"hello from\n"});
  EXPECT_EQ(reply.ack_timeout, 4);
  EXPECT_EQ(reply.retries, 1);
  EXPECT_EQ(reply.directory, "d1");
  EXPECT_EQ(reply.file_name, "f1.log");
  ASSERT_NE(reply.previous_message, nullptr);
  EXPECT_EQ(*reply.previous_message, request) << "it has no data";
}

TEST(ReplyTest, AnswersWhatARunningNodeOfS0WasAsked) {
  const Message request = Captured(
      "28b52ffd040001030098196763656e7472616cf600f66d524551436c69436f6d6d616e64"
      "836462617368622d636f6563686f2068656c6c6f2d736565646c524551546f436f6e736f"
      "6c65f6f4656e6f6465310302040105006264316666312e6c6f67f660606060606043204"
      "176");
  const Message reply = MakeReply(request, "hello-seed\n");
  EXPECT_EQ(reply.to_node, "node1");
  EXPECT_EQ(reply.method, "REQToConsole");
  EXPECT_EQ(reply.ack_timeout, 4);
  const DecodedMessage read =
      DecodeUnpacked(EncodeMessage(reply, Layout::kS0)).value();
  EXPECT_EQ(read.layout, Layout::kS0);
  EXPECT_EQ(*read.message.data, Message::Texts{"hello-seed\n"});
}

TEST(ReplyTest, LeavesOutTheDataOfTheRequest) {
  Message request = Cli();
  request.data = {"large"};
  const Message reply = MakeReply(request, "");
  EXPECT_EQ(reply.previous_message->data, std::nullopt);
  EXPECT_EQ(*reply.data, Message::Texts{""}) << "empty, but there";
}

TEST(ReplyTest, GoesToAFileWhereTheRequestNamesNoMethod) {
  Message request = Cli();
  request.reply_method.clear();
  EXPECT_EQ(MakeReply(request, "").method, "fileAppend");
  request.method = "REQCliCommand";
  EXPECT_EQ(MakeReply(request, "").method, "REQToFileAppend");
}

TEST(ReplyTest, TakesWhatTheRequestSaysOfItsReply) {
  Message request = Cli();
  request.reply_method_args = {"a", "b"};
  request.reply_method_timeout = 7;
  request.reply_method_instructions = {"i"};
  const Message reply = MakeReply(request, "");
  EXPECT_EQ(reply.method_args, request.reply_method_args);
  EXPECT_EQ(reply.method_timeout, 7);
  EXPECT_EQ(reply.method_instructions, request.reply_method_instructions);
}

// B4: a node that gets a reply looks for the file's name in the request.
TEST(ReplyTest, NamesAnotherFileWhereReceiversLook) {
  const Message reply = MakeReply(Cli(), "exit status 1", ".error");
  EXPECT_EQ(reply.file_name, "f.log.error");
  EXPECT_EQ(reply.previous_message->file_name, "f.log.error");
}

TEST(ReplyTest, IsNotWantedByRepliesAndWhereThereIsNoMethodForIt) {
  Message request = Cli();
  EXPECT_EQ(WantsReply(request), absl::OkStatus());
  request.reply_method.clear();
  EXPECT_EQ(WantsReply(request), absl::OkStatus()) << "it has a default";
  for (const char* const none : {"none", "REQNone"}) {
    request.reply_method = none;
    EXPECT_TRUE(absl::IsNotFound(WantsReply(request))) << none;
  }
  EXPECT_TRUE(absl::IsNotFound(WantsReply(Reply(Cli()))));
  Message nobodys = Cli();
  nobodys.from_node.clear();
  EXPECT_TRUE(absl::IsNotFound(WantsReply(nobodys)));
}

}  // namespace
}  // namespace weir::steward
