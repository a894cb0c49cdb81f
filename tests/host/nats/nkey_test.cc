#include "host/nats/nkey.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nats.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "tests/support/nkey_seed.h"

namespace weir {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string FileOf(const std::string& text) {
  const std::string path = absl::StrCat(getenv("TEST_TMPDIR"), "/seed");
  std::ofstream(path) << text;
  return path;
}

// What cnats makes of a seed, which it reads by itself.
std::string SignatureByCnats(const std::string& seed, const std::string& text) {
  nats_Open(-1);
  unsigned char* signature = nullptr;
  int size = 0;
  if (nats_Sign(seed.c_str(), text.c_str(), &signature, &size) != NATS_OK) {
    return "";
  }
  std::string result(reinterpret_cast<char*>(signature),
                     static_cast<size_t>(size));
  free(signature);
  return result;
}

TEST(NkeyTest, SignsAsCnatsDoes) {
  for (int i = 0; i < 50; ++i) {
    const std::string seed = NewNkeySeed();
    const absl::StatusOr<Nkey> key = Nkey::FromSeed(seed);
    ASSERT_TRUE(key.ok()) << key.status();
    const std::string text = absl::StrCat("nonce ", i);
    const std::string signature = key->Sign(text);
    EXPECT_EQ(signature.size(), 64u);
    EXPECT_EQ(signature, SignatureByCnats(seed, text)) << seed;
  }
}

// The pair that NATS' documentation shows.
TEST(NkeyTest, FindsThePublicKeyOfASeed) {
  const absl::StatusOr<Nkey> key = Nkey::FromSeed(
      "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY");
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(key->public_key(),
            "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4");
}

TEST(NkeyTest, FindsTheSeedInAFile) {
  const std::string seed = NewNkeySeed();
  const std::string want = Nkey::FromSeed(seed)->public_key();
  EXPECT_THAT(want, StartsWith("U"));
  for (const std::string& text :
       {seed, absl::StrCat(seed, "\n"), absl::StrCat("  ", seed, "\r\n\n"),
        absl::StrCat("-----BEGIN USER NKEY SEED-----\n", seed,
                     "\n------END USER NKEY SEED------\n"),
        absl::StrCat("SURE THIS IS THE KEY\n", seed, "\n", want, "\n")}) {
    const absl::StatusOr<Nkey> key = Nkey::FromFile(FileOf(text));
    ASSERT_TRUE(key.ok()) << key.status() << text;
    EXPECT_EQ(key->public_key(), want);
  }
}

TEST(NkeyTest, SaysWhatIsWrongAndNeverWhatTheSeedIs) {
  const std::string seed = NewNkeySeed();
  std::string damaged = seed;
  damaged[20] = damaged[20] == 'A' ? 'B' : 'A';
  const struct {
    std::string text, want;
  } cases[] = {
      {"", "holds no seed"},
      {"hello\n", "holds no seed"},
      {Nkey::FromSeed(seed)->public_key(), "holds no seed"},
      {seed.substr(0, 57), "not 58 letters"},
      {absl::StrCat(seed, "A"), "not 58 letters"},
      {absl::StrCat(seed.substr(0, 57), "1"), "not 58 letters"},
      {damaged, "wrong check sum"},
      {NewNkeySeed(0), "of an account"},
  };
  for (const auto& [text, want] : cases) {
    const absl::StatusOr<Nkey> key = Nkey::FromFile(FileOf(text));
    ASSERT_FALSE(key.ok()) << text;
    EXPECT_EQ(key.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(key.status().message()), HasSubstr(want));
    EXPECT_THAT(std::string(key.status().message()), HasSubstr("nk -gen user"));
    EXPECT_THAT(std::string(key.status().message()),
                Not(HasSubstr(seed.substr(0, 12))));
  }
  EXPECT_EQ(Nkey::FromFile("/nonexistent").status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_FALSE(Nkey::FromFile(getenv("TEST_TMPDIR")).ok());
}

}  // namespace
}  // namespace weir
