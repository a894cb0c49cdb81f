#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/plugin_instance.h"
#include "tests/support/short_temp_dir.h"
#include "tests/support/steward_message.h"
#include "weir/plugin_abi.h"
#include "weir/testing.h"

namespace weir {
namespace {

using testing::AllOf;
using testing::Each;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

constexpr char kPath[] = "plugins/steward_command/steward_command.so";

enum Type : uint16_t { kCommand, kSteward, kCont };

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class StewardCommandTest : public testing::Test {
 protected:
  StewardCommandTest() {
    host_.NameTypes({"cliCommand", "REQCliCommand", "cliCommandCont"});
    host_.SetDataDirectory(temp_.path());
    Start(R"({"enabled": true, "programs": ["/bin/sh", "/bin/echo"]})");
  }

  void Start(std::string_view config) {
    plugin_.reset();
    plugin_.emplace(kPath, host_.table(), config);
    ASSERT_EQ(plugin_->status(), WEIR_OK) << plugin_->error();
  }

  weir_status Run(Type type, const std::vector<std::string>& args,
                  int64_t timeout = -1, std::string_view data = "",
                  std::string_view profile = "S1") {
    return plugin_->Handle(StewardMessage(type)
                               .Profile(profile)
                               .From("node1")
                               .To("node2")
                               .Args(args)
                               .Data(data)
                               .Timeout(timeout)
                               .view());
  }
  weir_status Shell(const std::string& script, int64_t timeout = -1) {
    return Run(kCommand, {"sh", "-c", script}, timeout);
  }

  // The answers with and without the suffix of an error.
  std::vector<std::string> Answers(bool of_errors = false) const {
    std::vector<std::string> answers;
    for (const FakeHost::Reply& reply : host_.replies()) {
      if ((reply.file_suffix == ".error") == of_errors) {
        answers.push_back(reply.data);
      }
    }
    return answers;
  }
  std::vector<std::string> Errors() const { return Answers(true); }

  const ShortTempDir temp_;
  FakeHost host_;
  std::optional<PluginInstance> plugin_;
};

TEST_F(StewardCommandTest, RunsNothingUnlessItIsEnabled) {
  for (const char* const type :
       {"cliCommand", "REQCliCommand", "cliCommandCont", "REQCliCommandCont"}) {
    EXPECT_TRUE(plugin_->Wants(type)) << type;
  }
  EXPECT_FALSE(plugin_->Wants("hello"));
  for (const char* const config :
       {"{}", R"({"programs": ["/bin/echo"]})",
        R"({"enabled": false, "programs": ["/bin/echo"]})"}) {
    Start(config);
    EXPECT_FALSE(plugin_->Wants("cliCommand")) << config;
  }
}

TEST_F(StewardCommandTest, AnswersWithTheOutput) {
  EXPECT_EQ(Run(kCommand, {"/bin/echo", "hi", "a  b", "$HOME", ";", "ls"}),
            WEIR_OK);
  EXPECT_EQ(Run(kSteward, {"echo", "-n"}), WEIR_OK);
  EXPECT_THAT(Answers(), testing::ElementsAre("hi a  b $HOME ; ls\n", ""))
      << "no shell has seen it";
  EXPECT_THAT(Errors(), IsEmpty());
  EXPECT_EQ(host_.metric("runs_total"), std::vector<uint64_t>{2});
}

TEST_F(StewardCommandTest, RunsOnlyWhatIsAllowed) {
  const std::vector<std::string> kOthers[] = {
      {},          {""},         {"/bin/ls"},          {"ls"},
      {"./echo"},  {"bin/echo"}, {"/bin/../bin/echo"}, {"/bin/echo "},
      {"//bin/sh"}};
  for (const auto& args : kOthers) {
    EXPECT_EQ(Run(kCommand, args), WEIR_ERR);
  }
  EXPECT_THAT(Answers(), IsEmpty());
  EXPECT_THAT(Errors(), AllOf(SizeIs(std::size(kOthers)),
                              Each(StartsWith("error: cliCommand: "))));
  EXPECT_THAT(Errors()[2],
              HasSubstr("\"/bin/ls\" is none of the allowed programs"));
  EXPECT_EQ(host_.metric("runs_total"), std::vector<uint64_t>{0});
  EXPECT_EQ(host_.metric("refused_total"),
            std::vector<uint64_t>{std::size(kOthers)});
}

TEST_F(StewardCommandTest, TellsAnErrorInASecondAnswer) {
  EXPECT_EQ(Shell("echo out; echo why >&2; exit 3"), WEIR_OK)
      << "the request was done";
  EXPECT_THAT(Answers(), testing::ElementsAre("out\n"));
  ASSERT_THAT(Errors(), SizeIs(1));
  EXPECT_EQ(Errors()[0],
            "error: cliCommand: exit status 3, methodArgs: [sh -c echo out; "
            "echo why >&2; exit 3], error_output: why\n");
  EXPECT_EQ(Shell("kill -9 $$"), WEIR_OK);
  EXPECT_THAT(Errors()[1], HasSubstr("signal 9 ended it"));
}

TEST_F(StewardCommandTest, TellsS0NoErrors) {
  EXPECT_EQ(Run(kSteward, {"sh", "-c", "echo out; exit 3"}, -1, "", "S0"),
            WEIR_OK);
  EXPECT_THAT(Answers(), testing::ElementsAre("out\n"));
  EXPECT_EQ(Run(kSteward, {"ls"}, -1, "", "S0"), WEIR_ERR);
  EXPECT_THAT(Errors(), IsEmpty());
}

TEST_F(StewardCommandTest, KillsWhatTakesTooLongWithAllThatItStarted) {
  EXPECT_EQ(Shell("sh -c 'echo $$ >child; exec sleep 1000' & "
                  "while [ ! -s child ]; do :; done; sleep 1000",
                  1),
            WEIR_OK);
  EXPECT_THAT(Answers(), IsEmpty());
  ASSERT_THAT(Errors(), SizeIs(1));
  EXPECT_THAT(Errors()[0], HasSubstr("its time is over"));
  const pid_t child = std::stoi(ReadFile(temp_.path() + "/child"));
  // Whoever adopted it takes its end, sooner or later.
  const std::string stat = "/proc/" + std::to_string(child) + "/stat";
  const auto state = [&] {
    const std::string text = ReadFile(stat);
    return text.empty() ? 'X' : text[text.rfind(')') + 2];
  };
  while (state() != 'X' && state() != 'Z') std::this_thread::yield();
}

TEST_F(StewardCommandTest, IsBackBeforeTheHostEndsIt) {
  host_.SetTimeLeft(700'000'000);
  EXPECT_EQ(Shell("sleep 1000", 100), WEIR_OK);
  EXPECT_THAT(Errors()[0], HasSubstr("its time is over"));
}

TEST_F(StewardCommandTest, DoesNotWaitForWhatGoesOnInTheBackground) {
  EXPECT_EQ(Shell("sleep 1000 & echo done"), WEIR_OK);
  EXPECT_THAT(Answers(), testing::ElementsAre("done\n"));
}

TEST_F(StewardCommandTest, CutsOutputThatIsTooLong) {
  Start(R"({"enabled": true, "programs": ["/bin/sh"],
            "max_output_bytes": 10000})");
  EXPECT_EQ(Shell("i=0; while [ $i -lt 2000 ]; do echo 123456789; "
                  "i=$((i+1)); done"),
            WEIR_OK);
  ASSERT_THAT(Answers(), SizeIs(1));
  EXPECT_EQ(Answers()[0].size(), 10000u);
  EXPECT_THAT(Errors()[0], HasSubstr("more than 10000 bytes"));
  // It would write for ever.
  EXPECT_EQ(Shell("while :; do echo 123456789; done", 1), WEIR_OK);
  EXPECT_THAT(Errors()[1], HasSubstr("its time is over"));
}

TEST_F(StewardCommandTest, GivesTheDataAsAVariable) {
  EXPECT_EQ(
      Run(kCommand, {"sh", "-c", "echo \"{{CTRL_DATA}}\""}, -1, "a 'b' $(ls)"),
      WEIR_OK);
  EXPECT_EQ(Run(kSteward, {"sh", "-c", "echo \"{{STEWARD_DATA}}\""}, -1, "x"),
            WEIR_OK);
  EXPECT_THAT(Answers(), testing::ElementsAre("a 'b' $(ls)\n", "x\n"));
  EXPECT_EQ(
      Run(kCommand, {"echo", "{{CTRL_DATA}}"}, -1, std::string(200'000, 'x')),
      WEIR_ERR);
  EXPECT_EQ(
      Run(kCommand, {"echo", "{{CTRL_DATA}}"}, -1, std::string_view("a\0b", 3)),
      WEIR_OK);
  EXPECT_THAT(Errors()[1], HasSubstr("a byte 0"));
}

TEST_F(StewardCommandTest, GivesProgramsNothingOfTheHostsOwn) {
  setenv("SECRET_OF_THE_HOST", "s", 1);
  const int secret = open("/dev/null", O_RDONLY);  // Without O_CLOEXEC.
  EXPECT_EQ(Shell("env; pwd; ls /proc/self/fd | wc -l; cat"), WEIR_OK);
  close(secret);
  ASSERT_THAT(Answers(), SizeIs(1));
  EXPECT_THAT(Answers()[0], testing::Not(HasSubstr("SECRET")));
  EXPECT_THAT(Answers()[0], HasSubstr("LANG=C.UTF-8\n"));
  EXPECT_THAT(Answers()[0], EndsWith(temp_.path() + "\n4\n"))
      << "three, and the one of ls";
}

TEST_F(StewardCommandTest, AnswersEachLineOfWhatGoesOn) {
  EXPECT_EQ(Run(kCont, {"sh", "-c", "echo one; echo; echo -n three"}), WEIR_OK);
  EXPECT_THAT(Answers(), testing::ElementsAre("one\n", "\n", "three"));
  EXPECT_EQ(Run(kCont, {"sh", "-c", "echo four; sleep 1000"}, 1), WEIR_OK);
  EXPECT_THAT(Answers(), SizeIs(4));
  EXPECT_THAT(Errors(), IsEmpty()) << "its time is over, as was agreed";
  EXPECT_EQ(Run(kCont, {"sh", "-c", "echo five; exit 2"}), WEIR_OK);
  EXPECT_THAT(Errors(), SizeIs(1));
}

TEST_F(StewardCommandTest, EndsWhatNobodyCanBeTold) {
  host_.AnswerRepliesWith(WEIR_ERR);
  EXPECT_EQ(Run(kCont, {"sh", "-c", "while :; do echo line; done"}), WEIR_ERR);
  EXPECT_EQ(Shell("echo out"), WEIR_ERR);
}

TEST_F(StewardCommandTest, RunsForWhomWantsNoAnswer) {
  host_.AnswerRepliesWith(WEIR_NOT_FOUND);
  EXPECT_EQ(Shell("touch here"), WEIR_OK);
  EXPECT_TRUE(std::filesystem::exists(temp_.path() + "/here"));
}

TEST_F(StewardCommandTest, TellsOfAProgramThatDoesNotStart) {
  const std::string script = temp_.path() + "/broken";
  std::ofstream(script) << "#!/nowhere/interpreter\n";
  std::filesystem::permissions(script, std::filesystem::perms::owner_all);
  Start(R"({"enabled": true, "programs": [")" + script + R"("]})");
  EXPECT_EQ(Run(kCommand, {"broken"}), WEIR_OK);
  EXPECT_THAT(Answers(), IsEmpty());
  EXPECT_THAT(Errors()[0], HasSubstr("it could not be started: No such file"));
}

TEST_F(StewardCommandTest, NamesAllFaultsOfItsSettings) {
  const auto fault = [this](std::string_view config) {
    return PluginInstance(kPath, host_.table(), config).error();
  };
  EXPECT_THAT(fault(R"({"enabled": true})"), HasSubstr("programs: none"));
  EXPECT_THAT(fault(R"({"enabled": 1, "programs": ["sh", 5],
                        "max_seconds": 0, "x": 1})"),
              AllOf(HasSubstr("enabled: 1; must be true or false"),
                    HasSubstr("programs: \"sh\""), HasSubstr("programs[1]: 5"),
                    HasSubstr("max_seconds"), HasSubstr("x")));
  EXPECT_THAT(fault(R"({"enabled": true, "programs": ["/nowhere/x"]})"),
              HasSubstr("is no program"));
}

}  // namespace
}  // namespace weir
