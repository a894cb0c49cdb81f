#include "lib/steward/signature.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "lib/steward/message.h"

namespace weir::steward {
namespace {

using ::testing::HasSubstr;

// Made by the original programs, of the seed 00 01 02 ... 1f.
constexpr char kKey[] =
    "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8";
constexpr char kOfArguments[] =
    "6006aa1278ca8a082c5fb4652d93f8ef654efd0c52865b1bc154898be867bc5781e3b585f4"
    "e2476616a2a1f0d2a89eb5b6c076c5989af58cc11d057e6a49c106";
constexpr char kOfNone[] =
    "9ca53579530654d5c3df77089ef45eda613e2fedf670e96bedac4639504e5845ef4b95d579"
    "3077233dd16817b2532e9c5525872a73a4ad74b759369a9e05c102";

PublicKeys Keys() { return {{"node1", absl::HexStringToBytes(kKey)}}; }

Message Signed(const char* signature) {
  Message message;
  message.from_node = "node1";
  message.arg_signature = absl::HexStringToBytes(signature);
  return message;
}

TEST(SignatureTest, OfTheOriginalProgramsIsGood) {
  Message message = Signed(kOfNone);
  EXPECT_TRUE(CheckSignature(message, Keys()).ok());
  message = Signed(kOfArguments);
  message.method_args = {"bash", "-c", "echo hi"};
  EXPECT_TRUE(CheckSignature(message, Keys()).ok());
}

TEST(SignatureTest, IsRefusedIfItIsNotTheSenders) {
  const auto why = [](const Message& message) {
    const absl::Status status = CheckSignature(message, Keys());
    EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
    return std::string(status.message());
  };
  Message message = Signed(kOfArguments);
  message.method_args = {"bash", "-c", "echo ho"};
  EXPECT_THAT(why(message), HasSubstr("\"node1\""));
  EXPECT_THAT(why(message), HasSubstr("not its own"));
  message.method_args = {"bash", "-c", "echo hi"};
  message.from_node = "node2";
  EXPECT_THAT(why(message), HasSubstr("keys_file"));
  message.from_node = "node1";
  message.arg_signature->resize(63);
  EXPECT_THAT(why(message), HasSubstr("not its own"));
  message.arg_signature->resize(0);
  EXPECT_THAT(why(message), HasSubstr("not signed"));
  message.arg_signature.reset();
  EXPECT_THAT(why(message), HasSubstr("not signed"));
}

TEST(PublicKeysTest, AreReadAsNodesKeepThem) {
  const absl::StatusOr<PublicKeys> keys = ReadPublicKeys(
      R"({"Keys":{"node1":"A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="},)"
      R"("Hash":[21,50]})");
  ASSERT_TRUE(keys.ok()) << keys.status();
  EXPECT_EQ(*keys, Keys());
}

TEST(PublicKeysTest, AreRefusedWithWhoseIsWrong) {
  for (const auto& [text, reason] :
       {std::pair("", "no JSON object"), std::pair("{}", "no JSON object"),
        std::pair(R"({"Keys":[]})", "no JSON object"),
        std::pair(R"({"Keys":{"node7":"AAAA"}})", "node \"node7\""),
        std::pair(R"({"Keys":{"node7":7}})", "node \"node7\"")}) {
    const absl::Status status = ReadPublicKeys(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr(reason)) << text;
  }
}

}  // namespace
}  // namespace weir::steward
