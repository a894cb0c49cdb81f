#include "lib/steward/signing_key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "lib/steward/message.h"
#include "lib/steward/signature.h"

namespace weir::steward {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Made by the original programs, of the seed 00 01 02 ... 1f.
constexpr char kPublicKey[] =
    "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8";
constexpr char kOfArguments[] =
    "6006aa1278ca8a082c5fb4652d93f8ef654efd0c52865b1bc154898be867bc5781e3b585f4"
    "e2476616a2a1f0d2a89eb5b6c076c5989af58cc11d057e6a49c106";
constexpr char kOfNone[] =
    "9ca53579530654d5c3df77089ef45eda613e2fedf670e96bedac4639504e5845ef4b95d579"
    "3077233dd16817b2532e9c5525872a73a4ad74b759369a9e05c102";

std::string KeyBytes() {
  std::string bytes;
  for (char i = 0; i < 32; ++i) bytes += i;
  return bytes + absl::HexStringToBytes(kPublicKey);
}

TEST(SigningKeyTest, SignsAsTheOriginalProgramsDo) {
  const absl::StatusOr<SigningKey> key =
      SigningKey::Read(absl::Base64Escape(KeyBytes()));
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(absl::BytesToHexString(key->public_key()), kPublicKey);
  Message message;
  EXPECT_EQ(absl::BytesToHexString(key->Sign(message)), kOfNone);
  message.method_args = {"bash", "-c", "echo hi"};
  EXPECT_EQ(absl::BytesToHexString(key->Sign(message)), kOfArguments);
}

TEST(SigningKeyTest, IsReadWithoutPaddingAndWithTheEndOfALine) {
  std::string text = absl::Base64Escape(KeyBytes());
  while (text.back() == '=') text.pop_back();
  EXPECT_TRUE(SigningKey::Read(absl::StrCat(text, "\n")).ok());
}

TEST(SigningKeyTest, IsRefusedIfItIsNoneAndNotShown) {
  const std::string seed_only = absl::Base64Escape(KeyBytes().substr(0, 32));
  std::string other = KeyBytes();
  other[40] ^= 1;
  for (const std::string& text : {std::string(), std::string("?"), seed_only,
                                  absl::Base64Escape(other)}) {
    const absl::Status status = SigningKey::Read(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    if (text.size() > 1) {
      EXPECT_THAT(std::string(status.message()), Not(HasSubstr(text)));
    }
  }
}

}  // namespace
}  // namespace weir::steward
