#include "lib/nakadi/token_provider.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace weir::nakadi {
namespace {

std::string InTempDir(const std::string& name) {
  return absl::StrCat(testing::TempDir(), "/", name);
}

void Write(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
}

void ExpectRefused(const TokenProvider& provider, const std::string& says) {
  const absl::StatusOr<std::string> token = provider();
  ASSERT_FALSE(token.ok()) << *token;
  // Another may be there at the next request.
  EXPECT_TRUE(absl::IsUnavailable(token.status())) << token.status();
  EXPECT_TRUE(absl::StrContains(token.status().message(), says))
      << token.status();
}

TEST(TokenFromFileTest, ReadsTheFileEachTime) {
  const std::string path = InTempDir("token");
  const TokenProvider provider = TokenFromFile(path);
  ExpectRefused(provider, absl::StrCat("token file ", path, " cannot be read"));
  Write(path, "  first.of-two_\n");
  EXPECT_EQ(*provider(), "first.of-two_");
  Write(path, "second");
  EXPECT_EQ(*provider(), "second");
}

TEST(TokenFromFileTest, RefusesWhatIsNoToken) {
  const std::string path = InTempDir("no_token");
  const TokenProvider provider = TokenFromFile(path);
  Write(path, " \n");
  ExpectRefused(provider, "gave no token");
  // It would be a header of its own.
  Write(path, "a\r\nX-Other: b");
  ExpectRefused(provider, "more than one word");
  Write(path, "Bearer a");
  ExpectRefused(provider, "more than one word");
}

TEST(TokenFromEnvironmentTest, ReadsTheVariableEachTime) {
  const TokenProvider provider = TokenFromEnvironment("WEIR_TEST_TOKEN");
  ExpectRefused(provider, "environment variable WEIR_TEST_TOKEN gave no token");
  setenv("WEIR_TEST_TOKEN", "first", 1);
  EXPECT_EQ(*provider(), "first");
  setenv("WEIR_TEST_TOKEN", "second", 1);
  EXPECT_EQ(*provider(), "second");
  unsetenv("WEIR_TEST_TOKEN");
}

TEST(TokenFromCommandTest, RunsTheCommandEachTimeWithoutAShell) {
  EXPECT_EQ(*TokenFromCommand({"printf", "%s", "$HOME"})(), "$HOME");
  const std::string path = InTempDir("count");
  const TokenProvider provider = TokenFromCommand(
      {"sh", "-c", absl::StrCat("echo x >> ", path, "; wc -l < ", path)});
  EXPECT_EQ(*provider(), "1");
  EXPECT_EQ(*provider(), "2");
}

TEST(TokenFromCommandTest, TellsWhatIsWrongWithTheCommand) {
  ExpectRefused(TokenFromCommand({"/nowhere/token-tool"}),
                "token command /nowhere/token-tool");
  ExpectRefused(TokenFromCommand({"false"}), "did not end with 0");
  ExpectRefused(TokenFromCommand({"sh", "-c", "echo a; kill -9 $$"}),
                "did not end with 0");
  ExpectRefused(TokenFromCommand({"true"}), "gave no token");
  ExpectRefused(TokenFromCommand({"echo", "a", "b"}), "more than one word");
}

TEST(TokenFromCommandTest, DoesNotReadWithoutEnd) {
  const absl::StatusOr<std::string> token = TokenFromCommand({"yes"})();
  EXPECT_FALSE(token.ok());
}

TEST(TokenFromCommandTest, GivesACommandNothingToRead) {
  EXPECT_EQ(*TokenFromCommand({"sh", "-c", "cat; echo done"})(), "done");
}

}  // namespace
}  // namespace weir::nakadi
