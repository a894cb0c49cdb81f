#include "lib/steward/message_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "lib/steward/layout.h"
#include "lib/steward/message.h"
#include "tests/lib/steward/vectors.h"

namespace weir::steward {
namespace {

using ::testing::HasSubstr;

struct Vector {
  const char* name;
  Layout layout;
  Message message;
  const char* hex;
};

Message S0Hello() {
  Message message = InSteward(Hello());
  message.id = 0;
  message.data.emplace(1, "Hello from node1\n");
  message.arg_signature.reset();
  return message;
}

Message S0Cli() {
  Message message = InSteward(Cli());
  message.retry_wait = 0;
  message.method_timeout = 10;
  message.schedule.reset();
  return message;
}

Message S0Relay() {
  Message message;
  message.to_node = "node3.via1";
  message.data.emplace(1, "");
  message.method = "REQRelay";
  message.method_args = {"hostname"};
  message.from_node = "node1";
  message.ack_timeout = 3;
  message.retries = 1;
  message.method_timeout = 10;
  message.relay_original_via_node = "via1";
  message.relay_from_node = "node1";
  message.relay_to_node = "node3";
  message.relay_original_method = "REQCliCommand";
  message.relay_reply_method = "REQToConsole";
  return message;
}

// Encoded by the original programs' own structs.
std::vector<Vector> Vectors() {
  return {
      {"C4 empty", Layout::kC4, Message(),
       "981b60f66000f660f6f660f6f4600000f400000000006060f6f6f4f6f6"},
      {"C4 hello", Layout::kC4, Hello(),
       "981b6763656e7472616cf66001430102ff6568656c6c6ff64060f6f4656e6f6465310a"
       "00f40100000a006e68656c6c6f2d6d657373616765736968656c6c6f2e6c6f67f6f6f4"
       "f6f6"},
      {"C4 cli", Layout::kC4, Cli(),
       "981b656e6f646532f660182af66a636c69436f6d6d616e64836462617368622d636765"
       "63686f206869f66a66696c65417070656e64f6f4656e6f6465310301f4020504200061"
       "6465662e6c6f67f6820206f4f6f6"},
      {"C4 reply", Layout::kC4, Reply(Cli()),
       "981b656e6f646531f6601903e84368690a6a66696c65417070656e64f6f660f6f5656e"
       "6f6465320501f40400000000616465662e6c6f67981b656e6f646532f660182af66a63"
       "6c69436f6d6d616e64836462617368622d63676563686f206869f66a66696c65417070"
       "656e64f6f4656e6f6465310301f40205042000616465662e6c6f67f6820206f4f6f6f6"
       "f4f6f6"},
      {"S1 empty", Layout::kS1, Message(),
       "9760f600f660f6f660f6f4600000f400000000006060f6f6"},
      {"S1 hello", Layout::kS1, InSteward(Hello()),
       "976763656e7472616cf601430102ff6852455148656c6c6ff64060f6f4656e6f646531"
       "0a00f40100000a006e68656c6c6f2d6d657373616765736968656c6c6f2e6c6f67f6f"
       "6"},
      {"S1 cli", Layout::kS1, InSteward(Cli()),
       "97656e6f646532f6182af66d524551436c69436f6d6d616e64836462617368622d6367"
       "6563686f206869f66f524551546f46696c65417070656e64f6f4656e6f6465310301f4"
       "0205042000616465662e6c6f67f6820206"},
      {"S1 reply", Layout::kS1, Reply(InSteward(Cli())),
       "97656e6f646531f61903e84368690a6f524551546f46696c65417070656e64f6f660f6"
       "f5656e6f6465320501f40400000000616465662e6c6f6797656e6f646532f6182af66d"
       "524551436c69436f6d6d616e64836462617368622d63676563686f206869f66f524551"
       "546f46696c65417070656e64f6f4656e6f6465310301f40205042000616465662e6c6f"
       "67f6820206f6"},
      {"S0 empty", Layout::kS0, Message(),
       "981960f600f660f660f6f4600000000000006060f6606060606060"},
      {"S0 hello", Layout::kS0, S0Hello(),
       "98196763656e7472616cf600817148656c6c6f2066726f6d206e6f6465310a68524551"
       "48656c6c6ff660f6f4656e6f6465310a0100000a006e68656c6c6f2d6d657373616765"
       "736968656c6c6f2e6c6f67f6606060606060"},
      {"S0 cli", Layout::kS0, S0Cli(),
       "9819656e6f646532f6182af66d524551436c69436f6d6d616e64836462617368622d63"
       "676563686f2068696f524551546f46696c65417070656e64f6f4656e6f6465310302050"
       "40a00616465662e6c6f67f6606060606060"},
      {"S0 relay", Layout::kS0, S0Relay(),
       "98196a6e6f6465332e76696131f60081606852455152656c61798168686f73746e616d"
       "6560f6f4656e6f646531030100000a006060f6606476696131656e6f646531656e6f64"
       "65336d524551436c69436f6d6d616e646c524551546f436f6e736f6c65"},
  };
}

TEST(MessageCodec, WritesWhatTheOriginalsWriteToTheByte) {
  for (const Vector& vector : Vectors()) {
    EXPECT_EQ(
        absl::BytesToHexString(EncodeMessage(vector.message, vector.layout)),
        vector.hex)
        << vector.name;
  }
}

TEST(MessageCodec, ReadsWhatTheOriginalsWriteAndTellsItsLayout) {
  for (const Vector& vector : Vectors()) {
    const absl::StatusOr<DecodedMessage> decoded =
        DecodeMessage(Unhex(vector.hex));
    ASSERT_TRUE(decoded.ok()) << vector.name << ": " << decoded.status();
    EXPECT_EQ(decoded->message, vector.message) << vector.name;
    EXPECT_EQ(decoded->layout, vector.layout) << vector.name;
  }
}

TEST(MessageCodec, KeepsEveryFieldOfEveryLayout) {
  Message full = Reply(Cli());
  full.to_nodes = {"a", "b"};
  full.jetstream_to_node = "all";
  full.method_args.emplace();
  full.arg_signature = std::string(64, 's');
  full.reply_method = "console";
  full.reply_method_args = {"x"};
  full.is_sub_published_msg = true;
  full.reply_ack_timeout = 7;
  full.reply_retries = 8;
  full.method_timeout = -300;
  full.reply_method_timeout = 70000;
  full.schedule.emplace();
  full.use_detected_shell = true;
  full.method_instructions = {"m"};
  full.reply_method_instructions = {"r", ""};
  full.previous_message = nullptr;
  const auto round = [](const Message& message, Layout layout) {
    const absl::StatusOr<DecodedMessage> decoded =
        DecodeMessage(EncodeMessage(message, layout));
    EXPECT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(decoded->layout, layout);
    return decoded.ok() ? decoded->message : Message();
  };
  EXPECT_EQ(round(full, Layout::kC4), full);
  Message c3 = full;
  c3.method_instructions.reset();
  c3.reply_method_instructions.reset();
  EXPECT_EQ(round(full, Layout::kC3), c3);
  Message c2 = c3;
  c2.use_detected_shell = false;
  EXPECT_EQ(round(full, Layout::kC2), c2);
  Message s1 = c2;
  s1.jetstream_to_node.clear();
  EXPECT_EQ(round(full, Layout::kS1), s1);
  Message s0 = s1;
  s0.arg_signature.reset();
  s0.retry_wait = 0;
  s0.is_sub_published_msg = false;
  s0.schedule.reset();
  EXPECT_EQ(round(full, Layout::kS0), s0);
}

TEST(MessageCodec, WritesSeveralTextsAsOneStringOfBytes) {
  Message message;
  message.data = {"a", "", "bc"};
  EXPECT_EQ(DecodeMessage(EncodeMessage(message, Layout::kS1))->message.data,
            Message::Texts{"abc"});
  EXPECT_EQ(DecodeMessage(EncodeMessage(message, Layout::kS0))->message.data,
            message.data);
}

TEST(MessageCodec, ReadsArraysWithoutALengthOfEveryLayout) {
  for (const Vector& vector : Vectors()) {
    std::string bytes = Unhex(vector.hex);
    bytes.erase(0, ElementCount(vector.layout) < 24 ? 1 : 2);
    bytes = absl::StrCat("\x9f", bytes, "\xff");
    const absl::StatusOr<DecodedMessage> decoded = DecodeMessage(bytes);
    ASSERT_TRUE(decoded.ok()) << vector.name << ": " << decoded.status();
    EXPECT_EQ(decoded->message, vector.message) << vector.name;
    EXPECT_EQ(decoded->layout, vector.layout) << vector.name;
  }
}

// A chain of `length` messages, each the previous one of the one before it.
Message Chain(int length) {
  Message message;
  for (int i = 1; i < length; ++i) {
    Message next;
    next.previous_message = std::make_shared<Message>(std::move(message));
    message = std::move(next);
  }
  return message;
}

int Length(const Message& message) {
  int length = 1;
  for (const Message* at = message.previous_message.get(); at != nullptr;
       at = at->previous_message.get()) {
    ++length;
  }
  return length;
}

TEST(MessageCodec, CutsAChainOfMessagesWhereNobodyReadsOn) {
  EXPECT_EQ(
      Length(DecodeMessage(EncodeMessage(Chain(31), Layout::kS1))->message),
      31);
  EXPECT_EQ(
      Length(DecodeMessage(EncodeMessage(Chain(500), Layout::kS1))->message),
      31);
}

TEST(MessageCodec, RefusesADeeperChain) {
  // 33 messages: each an S1 message whose 22nd element is the next.
  std::string bytes;
  for (int i = 0; i < 33; ++i) {
    bytes += Unhex("9760f600f660f6f660f6f4600000f400000000006060");
  }
  const absl::StatusOr<DecodedMessage> decoded = DecodeMessage(bytes);
  EXPECT_EQ(decoded.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(decoded.status().message(), HasSubstr("deeper than 32"));
}

struct Refused {
  const char* hex;
  const char* reason;
};

TEST(MessageCodec, SaysWhatItRefusesAndWhere) {
  const Refused refused[] = {
      {"", "message: the message ends within a value at byte 0"},
      {"f6", "null in place of an array"},
      {"a0", "message: a map in place of an array at byte 0"},
      {"6161", "message: a text in place of an array"},
      {"9660f600f660f6", "an array of 22 elements"},
      {"981a60", "an array of 26 elements"},
      {"9bffffffffffffffff", "an array of 18446744073709551615 elements"},
      {"ff", "a break in place of an array"},
      {"9760f600f660f6f660f6f4600000f400000000006060f6f600",
       "1 bytes behind the message at byte 24"},
      {"9740f600f660f6f660f6f4600000f400000000006060f6f6",
       "toNode: a byte string in place of a text at byte 1"},
      {"9760f600f640f6f660f6f4600000f400000000006060f6f6",
       "method: a byte string in place of a text at byte 5"},
      {"9760f600606060f6f660f6f4600000f400000000006060f6f6",
       "data: a text in place of a byte string at byte 4"},
      {"9760f6f93c00f660f6f660f6f4600000f400000000006060f6f6",
       "id: a floating-point number in place of a whole number at byte 3"},
      {"9760f61b8000000000000000f660f6f660f6f4600000f400000000006060f6f6",
       "id: a number outside of 64 signed bits at byte 3"},
      {"9760f600f660f6f660f60060", "isReply: an unsigned number in place of"},
      {"9761ff", "toNode: a text that is not UTF-8"},
      {"97d9d9f7", "toNode: the message ends within a value"},
      {"97c16161", "toNode: a tag in place of a text"},
      {"9760a0", "toNodes: a map in place of an array"},
      {"9760814161", "toNodes: a byte string in place of a text"},
      {"9760f600821901006161", "data: byte 256, not 0 to 255"},
      {"97601c", "toNodes: no CBOR"},
      {"977affffffff61", "toNode: the message ends within a value"},
      {"9f60f600f660f6f660f6f4600000f400000000006060f6f60000ff", "than 23"},
  };
  for (const Refused& row : refused) {
    const absl::StatusOr<DecodedMessage> decoded =
        DecodeMessage(Unhex(row.hex));
    EXPECT_EQ(decoded.status().code(), absl::StatusCode::kInvalidArgument)
        << row.hex;
    EXPECT_THAT(std::string(decoded.status().message()), HasSubstr(row.reason))
        << row.hex;
  }
}

TEST(MessageCodec, TakesWhatGoTakes) {
  // For each: the CBOR of S1's first fields, of which the rest is as empty.
  struct Taken {
    const char* hex;
    Message message;
  };
  const auto with = [](auto change) {
    Message message;
    change(message);
    return message;
  };
  const std::string rest = "60f6f660f6f4600000f400000000006060f6f6";
  const Taken taken[] = {
      {"97f6f7f6f6", Message()},
      {"d9d9f79760f600f6", Message()},
      {"97d9d9f7616ef600f6", with([](Message& m) { m.to_node = "n"; })},
      {"977f616e616ffff600f6", with([](Message& m) { m.to_node = "no"; })},
      {"9760f61b0000000000000007f6", with([](Message& m) { m.id = 7; })},
      {"9760f6387ff6", with([](Message& m) { m.id = -128; })},
      {"9760f61b7ffffffffffffffff6",
       with([](Message& m) { m.id = 9223372036854775807; })},
      {"9760f63b7ffffffffffffffff6",
       with([](Message& m) { m.id = -9223372036854775807 - 1; })},
      {"9760f60082181801",
       with([](Message& m) { m.data.emplace(1, "\x18\x01"); })},
      {"9760f6005f416142626aff",
       with([](Message& m) { m.data.emplace(1, "abj"); })},
      {"97609f6161f6ff00f6", with([](Message& m) {
         m.to_nodes = {"a", ""};
       })},
  };
  for (const Taken& row : taken) {
    const absl::StatusOr<DecodedMessage> decoded =
        DecodeMessage(Unhex(absl::StrCat(row.hex, rest)));
    ASSERT_TRUE(decoded.ok()) << row.hex << ": " << decoded.status();
    EXPECT_EQ(decoded->message, row.message) << row.hex;
  }
}

TEST(MessageCodec, AllocatesByWhatIsThereAndNotByWhatIsClaimed) {
  // A list of 2^32 nodes of which one is there.
  EXPECT_FALSE(DecodeMessage(Unhex("97609affffffff6161")).ok());
  // One byte for each element, and 32 in memory.
  std::string many = Unhex("97609a00010001");
  many.append(65537, '\x60');
  const absl::StatusOr<DecodedMessage> decoded = DecodeMessage(many);
  EXPECT_THAT(std::string(decoded.status().message()),
              HasSubstr("toNodes: more than 65536 elements"));
}

}  // namespace
}  // namespace weir::steward
