#include "host/steward/outbox_intake.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/time/time.h"
#include "host/status/error_info.h"
#include "host/steward/outgoing.h"
#include "lib/steward/compression.h"
#include "lib/steward/layout.h"
#include "lib/steward/message.h"
#include "lib/steward/message_codec.h"
#include "lib/steward/payload.h"
#include "lib/steward/profile.h"
#include "lib/steward/signature.h"
#include "lib/steward/signing_key.h"
#include "tests/lib/steward/vectors.h"

namespace weir {
namespace {

using steward::Compression;
using steward::Layout;
using steward::Message;
using steward::Profile;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

StewardIdentity Node(Profile profile, const std::string& node = "node1") {
  StewardIdentity identity;
  identity.node = node;
  identity.profile = profile;
  return identity;
}

Message Of(const std::string& to, const std::string& method) {
  Message message;
  message.to_node = to;
  message.method = method;
  return message;
}

// The field that is at fault.
std::string Fault(Profile profile, const Message& message) {
  const absl::Status status =
      PrepareMessages(Node(profile), {message}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  const auto info = GetErrorInfo(status);
  if (!info.has_value() || info->reason != "INVALID_FIELD") return "none";
  return info->metadata.at("field");
}

TEST(OutboxIntakeTest, TheSenderIsThisNodeWhateverAMessageSays) {
  Message message = Of("central", "REQHello");
  message.from_node = "somebody";
  const auto prepared = PrepareMessages(Node(Profile::kS1), {message}).value();
  ASSERT_EQ(prepared.size(), 1u);
  EXPECT_EQ(prepared[0].from_node, "node1");
}

TEST(OutboxIntakeTest, ToNodesBecomesOneMessageForEach) {
  Message many = Of("ignored", "REQHello");
  many.to_nodes = {"a", "b"};
  const auto prepared =
      PrepareMessages(Node(Profile::kS1), {many, Of("c", "REQHello")}).value();
  ASSERT_EQ(prepared.size(), 3u);
  EXPECT_EQ(prepared[0].to_node, "a");
  EXPECT_EQ(prepared[1].to_node, "b");
  EXPECT_EQ(prepared[2].to_node, "c");
  for (const Message& one : prepared) EXPECT_FALSE(one.to_nodes.has_value());
}

TEST(OutboxIntakeTest, OneThatIsWrongRefusesAllAndIsNamed) {
  const absl::Status status =
      PrepareMessages(Node(Profile::kS1), {Of("a", "REQHello"), Of("a", "")})
          .status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("messages[1].method"));
  EXPECT_THAT(GetErrorInfo(status)->metadata,
              ElementsAre(Pair("field", "method"), Pair("index", "1")));
}

TEST(OutboxIntakeTest, WhatMakesNoSubjectIsRefused) {
  for (const char* node :
       {"", "a b", "a.*", ">", "a..b", ".a", "a.", "a\r\nPUB", "a\tb"}) {
    EXPECT_EQ(Fault(Profile::kS1, Of(node, "REQHello")), "toNode") << node;
    EXPECT_EQ(Fault(Profile::kC4, Of("a", node)), "method") << node;
  }
  EXPECT_EQ(Fault(Profile::kS1, Of(std::string(2000, 'n'), "m")), "toNode");
  EXPECT_TRUE(PrepareMessages(Node(Profile::kS1),
                              {Of("node.with.dots", "subCopyDst.1-2")})
                  .ok());
}

TEST(OutboxIntakeTest, WhatTheReceiverWouldNotTakeOrNotSeeIsRefused) {
  Message message = Of("a", "m");
  message.schedule = {0, 0};
  EXPECT_EQ(Fault(Profile::kC4, message), "schedule");
  message.schedule = {1, 5};
  EXPECT_EQ(Fault(Profile::kS0, message), "schedule");
  EXPECT_TRUE(PrepareMessages(Node(Profile::kC1), {message}).ok());
  message = Of("a", "m");
  message.method_instructions = {"x"};
  EXPECT_EQ(Fault(Profile::kC3, message), "methodInstructions");
  message = Of("a", "m");
  message.relay_via_node = "b";
  EXPECT_EQ(Fault(Profile::kS1, message), "relayViaNode");
  message = Of("a", "m");
  message.use_detected_shell = true;
  EXPECT_EQ(Fault(Profile::kC2, message), "useDetectedShell");
  message = Of("a", "m");
  message.data.emplace(1, "\xff");
  EXPECT_EQ(Fault(Profile::kS0, message), "data");
  EXPECT_TRUE(PrepareMessages(Node(Profile::kS1), {message}).ok())
      << "bytes are bytes";
}

TEST(OutboxIntakeTest, ArgumentsAreSignedAsTheOriginalsSignThem) {
  std::string bytes;
  for (char i = 0; i < 32; ++i) bytes += i;
  const std::string public_key = absl::HexStringToBytes(
      "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8");
  StewardIdentity identity = Node(Profile::kS1);
  identity.key =
      steward::SigningKey::Read(absl::Base64Escape(bytes + public_key)).value();
  Message message = Of("central", "REQCliCommand");
  message.method_args = {"bash", "-c", "echo hi"};
  const auto prepared = PrepareMessages(identity, {message}).value();
  EXPECT_TRUE(CheckSignature(prepared[0], {{"node1", public_key}}).ok());
  message.method_args.reset();
  EXPECT_TRUE(CheckSignature(PrepareMessages(identity, {message}).value()[0],
                             {{"node1", public_key}})
                  .ok())
      << "of no arguments, too";
}

TEST(OutboxIntakeTest, InS0AMessageIsRelayedAsTheOriginalsRelayIt) {
  Message message = Of("node3", "REQCliCommand");
  message.relay_via_node = "via1";
  message.relay_reply_method = "REQToConsole";
  message.method_args = {"hostname"};
  message.ack_timeout = 3;
  message.retries = 1;
  const auto prepared = PrepareMessages(Node(Profile::kS0), {message}).value();
  EXPECT_EQ(
      absl::BytesToHexString(EncodeMessage(prepared[0], Layout::kS0)),
      "98196a6e6f6465332e76696131f60081606852455152656c61798168686f73746e616d"
      "6560f6f4656e6f646531030100000a006060f6606476696131656e6f646531656e6f64"
      "65336d524551436c69436f6d6d616e646c524551546f436f6e736f6c65");
  EXPECT_EQ(MakeOutgoing(prepared[0], Profile::kS0, Compression::kZstd).subject,
            "node3.via1.REQRelay.EventACK");
}

// What nodes of the originals were seen to publish, made again of the same
// message.
struct Captured {
  Profile profile;
  const char* data;
  const char* subject;
  std::vector<steward::Payload::Header> headers;
};

TEST(OutboxIntakeTest, PublishesWhatWasCapturedFromNodesOfEachProfile) {
  const Captured all[] = {
      {Profile::kS1,
       "28b52ffd0400990500976763656e7472616cf603f66d524551436c69436f6d6d616e648"
       "3"
       "6462617368622d6378236563686f2068656c6c6f2066726f6d2024484f53544e414d455"
       "f"
       "583b2065786974203058404f6ef5d07937e1d0bc511e304d3d692388764ca27d3d1a74e"
       "2"
       "a8131801a774770438254f88862b2d463b6cf28b92be57eec18f2f974cc44814f83157c"
       "6"
       "6e2b096c524551546f436f6e736f6c65f6f4656e6f6465310300f402040105006264316"
       "6"
       "66312e6c6f67f6f64f805363",
       "central.REQCliCommand.EventACK",
       {{"fromNode", "node1"}, {"serial", "cbor"}, {"cmp", "z"}}},
      {Profile::kS0,
       "28b52ffd040001030098196763656e7472616cf600f66d524551436c69436f6d6d616e6"
       "4"
       "836462617368622d636f6563686f2068656c6c6f2d736565646c524551546f436f6e736"
       "f"
       "6c65f6f4656e6f6465310302040105006264316666312e6c6f67f660606060606043204"
       "1"
       "76",
       "central.REQCliCommand.CommandACK",
       {{"serial", "cbor"}, {"cmp", "z"}}},
      {Profile::kC4,
       "28b52ffd0400810500981b6763656e7472616cf66004f66a636c69436f6d6d616e64836"
       "4"
       "62617368622d6378236563686f2068656c6c6f2066726f6d2024484f53544e414d455f5"
       "8"
       "3b206578697420305840ad10523eeb0a164aff53cc68331c37170376914a905eba0bbbd"
       "f"
       "343a5be13be1d166238657c924f5cc1f8c49665ffbd9756a598f2c21ccbe2f0b40f5638"
       "7"
       "8b0467636f6e736f6c65f6f4656e6f6465310300f402040105006264316666312e6c6f6"
       "7"
       "f6f6f4f6f6d3d67e15",
       "central.cliCommand",
       {{"fromNode", "node1"}}},
  };
  for (const Captured& captured : all) {
    SCOPED_TRACE(ProfileName(captured.profile));
    std::string cbor =
        steward::Decompress(Compression::kZstd,
                            absl::HexStringToBytes(captured.data), 1 << 20)
            .value();
    const Message message = steward::DecodeMessage(cbor).value().message;
    // Prepared again, nothing changes but for the signature, whose key is gone.
    const Message again =
        PrepareMessages(Node(captured.profile), {message}).value()[0];
    EXPECT_EQ(again, message);
    const Outgoing outgoing =
        MakeOutgoing(again, captured.profile, Compression::kZstd);
    EXPECT_EQ(outgoing.subject, captured.subject);
    EXPECT_EQ(outgoing.payload.headers, captured.headers);
    EXPECT_EQ(
        steward::Decompress(Compression::kZstd, outgoing.payload.bytes, 1 << 20)
            .value(),
        cbor);
    EXPECT_TRUE(outgoing.acknowledged);
    EXPECT_EQ(outgoing.ack_timeout, absl::Seconds(3));
    EXPECT_EQ(outgoing.transmissions, captured.profile == Profile::kS0 ? 2 : 3);
  }
}

TEST(OutboxIntakeTest, AnErrorLogIsAsTheOriginalsSendIt) {
  const Message s1 = MakeErrorLog(Node(Profile::kS1), "errorCentral", "oh",
                                  absl::FromUnixSeconds(0));
  EXPECT_EQ(s1.to_node, "errorCentral");
  EXPECT_EQ(s1.method, "REQErrorLog");
  EXPECT_EQ(s1.directory, "errorLog");
  EXPECT_EQ(s1.file_name, "error.log");
  EXPECT_EQ(s1.ack_timeout, 60);
  EXPECT_EQ(s1.retries, 10);
  EXPECT_THAT((*s1.data)[0],
              testing::MatchesRegex("[A-Z][a-z]+ [A-Z][a-z]+ [ 0-9]+ "
                                    "[0-9:]+ [0-9]+, node: node1, oh\n"));
  EXPECT_TRUE(IsErrorLog(s1));
  const Message c1 = MakeErrorLog(Node(Profile::kC1), "errorCentral", "oh",
                                  absl::FromUnixSeconds(0));
  EXPECT_EQ(c1.method, "errorLog");
}

TEST(OutboxIntakeTest, HelloIsToTheByteThatOfTheOriginals) {
  StewardIdentity identity;
  identity.node = "node1";
  identity.profile = Profile::kC4;
  Message hello = MakeHello(identity, "central", "\x01\x02\xff");
  // What the sender fills in.
  hello.from_node = "node1";
  hello.id = 1;
  hello.arg_signature.emplace();
  EXPECT_EQ(hello, steward::Hello());
  identity.profile = Profile::kS1;
  EXPECT_EQ(MakeHello(identity, "central", "").data, std::nullopt);
  identity.profile = Profile::kS0;
  hello = MakeHello(identity, "central", "a key");
  EXPECT_EQ(hello.method, "REQHello");
  EXPECT_EQ(*hello.data, Message::Texts{"Hello from node1\n"});
}

}  // namespace
}  // namespace weir
