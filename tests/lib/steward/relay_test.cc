#include "lib/steward/relay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "lib/steward/layout.h"
#include "lib/steward/message.h"
#include "lib/steward/message_codec.h"
#include "lib/steward/reply.h"
#include "tests/lib/steward/vectors.h"
#include "tests/support/status_matchers.h"

namespace weir::steward {
namespace {

using ::testing::HasSubstr;

// What node1 has sent by via1 to node3.
Message Hostname() {
  Message message;
  message.to_node = "node3";
  message.from_node = "node1";
  message.method = "REQCliCommand";
  message.method_args = {"hostname"};
  message.ack_timeout = 3;
  message.retries = 1;
  message.method_timeout = 10;
  message.relay_via_node = "via1";
  message.relay_reply_method = "REQToConsole";
  return message;
}

Message Relay() {
  Message message = Hostname();
  MakeRelay("node1", &message);
  return message;
}

TEST(RelayTest, IsToTheByteWhatTheOriginalProgramsStructIs) {
  EXPECT_EQ(EncodeMessage(Relay(), Layout::kS0),
            Unhex("98196a6e6f6465332e76696131f60081606852455152656c6179816868"
                  "6f73746e616d6560f6f4656e6f646531030100000a006060f660647669"
                  "6131656e6f646531656e6f6465336d524551436c69436f6d6d616e646c"
                  "524551546f436f6e736f6c65"));
  EXPECT_EQ(RelaySubject("via1"), "*.via1.REQRelay.EventACK");
  EXPECT_TRUE(IsRelaySubject("node3.via1.REQRelay.EventACK", "via1"));
  EXPECT_FALSE(IsRelaySubject("node3.via2.REQRelay.EventACK", "via1"));
  EXPECT_FALSE(IsRelaySubject("node3.xvia1.REQRelay.EventACK", "via1"));
}

TEST(RelayTest, KeepsTheDataThatTheOriginalProgramsLose) {
  Message message = Hostname();
  message.data.emplace(1, "some");
  MakeRelay("node1", &message);
  EXPECT_EQ(PassOn(message, "via1").value().data, Message::Texts{"some"});
}

TEST(RelayTest, PassesOnWhatWasAskedForAndPassesTheAnswerBack) {
  const Message asked = PassOn(Relay(), "via1").value();
  EXPECT_EQ(asked.to_node, "node3");
  EXPECT_EQ(asked.from_node, "via1");
  EXPECT_EQ(asked.method, "REQCliCommand");
  EXPECT_EQ(asked.method_args, Message::Texts{"hostname"});

  const Message answer = MakeReply(asked, "node3.example\n");
  EXPECT_EQ(answer.to_node, "via1");
  ASSERT_TRUE(IsOfRelay(answer, "via1"));
  EXPECT_FALSE(IsOfRelay(answer, "via2"));

  const Message back = PassBack(answer, "via1").value();
  EXPECT_EQ(back.to_node, "node1");
  EXPECT_EQ(back.from_node, "via1");
  EXPECT_EQ(back.method, "REQToConsole");
  EXPECT_EQ(back.data, Message::Texts{"node3.example\n"});
  EXPECT_TRUE(back.is_reply);
  EXPECT_FALSE(IsOfRelay(back, "node1"));
  EXPECT_FALSE(IsOfRelay(back, "via1")) << "it would go round for ever";
}

TEST(RelayTest, AnAnswerGoesBackAsTheReplyMethodIfTheRelayNamesNone) {
  Message relay = Relay();
  relay.relay_reply_method.clear();
  relay.reply_method = "REQToFile";
  const Message answer = MakeReply(PassOn(relay, "via1").value(), "x");
  EXPECT_EQ(PassBack(answer, "via1").value().method, "REQToFile");
  relay.reply_method.clear();
  EXPECT_EQ(PassBack(MakeReply(PassOn(relay, "via1").value(), "x"), "via1")
                .value()
                .method,
            "REQToFileAppend");
}

// A relay is a message of anybody. The outbox makes one message for each of
// `to_nodes`, and another relay of one that has `relay_via_node`.
TEST(RelayTest, GoesToItsReceiverAloneWhateverElseItNames) {
  Message relay = Relay();
  relay.to_nodes = {"node4", "node5"};
  relay.relay_via_node = "via2";
  const Message asked = PassOn(relay, "via1").value();
  EXPECT_EQ(asked.to_node, "node3");
  EXPECT_EQ(asked.to_nodes, std::nullopt);
  EXPECT_EQ(asked.relay_via_node, "");

  Message answer = MakeReply(asked, "x");
  answer.to_nodes = {"node4", "node5"};
  answer.relay_via_node = "via2";
  const Message back = PassBack(answer, "via1").value();
  EXPECT_EQ(back.to_node, "node1");
  EXPECT_EQ(back.to_nodes, std::nullopt);
  EXPECT_EQ(back.relay_via_node, "");
}

TEST(RelayTest, RefusesWhatNoNodeMakes) {
  Message relay = Relay();
  EXPECT_THAT(PassOn(relay, "via2"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("is for \"node3.via1\", and not for "
                                 "\"node3.via2\"")));
  relay.relay_to_node.clear();
  EXPECT_THAT(
      PassOn(relay, "via1"),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("relayToNode")));
  for (const char* const round : {"REQRelay", "REQRelayInitial"}) {
    relay = Relay();
    relay.relay_original_method = round;
    EXPECT_THAT(
        PassOn(relay, "via1"),
        StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not relayed")));
    relay = Relay();
    relay.relay_reply_method = round;
    EXPECT_THAT(
        PassBack(MakeReply(PassOn(relay, "via1").value(), ""), "via1"),
        StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not relayed")));
  }
  for (const char* const origin : {"", "via1"}) {
    relay = Relay();
    relay.relay_from_node = origin;
    EXPECT_THAT(PassBack(MakeReply(PassOn(relay, "via1").value(), ""), "via1"),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("none to relay to")));
  }
}

}  // namespace
}  // namespace weir::steward
