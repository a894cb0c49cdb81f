#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
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

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr char kPath[] = "plugins/steward_methods/steward_methods.so";
// Mon Jan  2 15:04:05 2006
constexpr int64_t kThen = 1136214245 * int64_t{1'000'000'000};

enum Type : uint16_t {
  kFile,
  kFileAppend,
  kHello,
  kErrorLog,
  kConsole,
  kPing,
  kPong,
  kNone,
  kCommand,
  kList,
  kStart,
  kStop,
  kKey
};

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class StewardMethodsTest : public testing::Test {
 protected:
  StewardMethodsTest() {
    setenv("TZ", "UTC", 1);
    tzset();
    host_.NameTypes({"file", "REQToFileAppend", "REQHello", "errorLog",
                     "console", "REQPing", "REQPong", "none", "cliCommand",
                     "REQOpProcessList", "opProcessStart", "REQOpProcessStop",
                     "publicKey"});
    host_.NameSources({"central"});
    host_.SetTime(kThen);
    std::filesystem::create_directory(data_);
    host_.SetDataDirectory(data_);
  }

  void Start(std::string_view config = "{}") {
    plugin_.reset();
    plugin_.emplace(kPath, host_.table(), config);
    ASSERT_EQ(plugin_->status(), WEIR_OK) << plugin_->error();
  }

  weir_status Handle(StewardMessage message) {
    return plugin_->Handle(message.view());
  }
  // Of a file for `directory` and `name`.
  weir_status Write(Type type, std::string_view directory,
                    std::string_view name, std::string_view data = "x",
                    std::string_view node = "node2") {
    return Handle(StewardMessage(type)
                      .From("node1")
                      .To(node)
                      .In(directory, name)
                      .Data(data));
  }

  // All files below the data directory, by their paths in it.
  std::vector<std::string> Files() const {
    std::vector<std::string> files;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(temp_.path())) {
      if (entry.is_directory()) continue;
      files.push_back(entry.path().lexically_relative(temp_.path()).string());
    }
    std::sort(files.begin(), files.end());
    return files;
  }

  const ShortTempDir temp_;
  const std::string data_ = temp_.path() + "/data";
  FakeHost host_;
  std::optional<PluginInstance> plugin_;
};

TEST_F(StewardMethodsTest, WantsItsMethodsInBothSpellings) {
  Start();
  for (const char* const type :
       {"file", "REQToFile", "REQToFileNACK", "fileAppend", "REQToFileAppend",
        "hello", "REQHello", "errorLog", "REQErrorLog", "console",
        "REQToConsole", "ping", "REQPing", "pong", "REQPong", "none",
        "REQNone"}) {
    EXPECT_TRUE(plugin_->Wants(type)) << type;
  }
  EXPECT_FALSE(plugin_->Wants("cliCommand"));
  EXPECT_FALSE(plugin_->Wants("RAW"));
  Start(R"({"methods": ["hello"]})");
  EXPECT_TRUE(plugin_->Wants("hello"));
  EXPECT_FALSE(plugin_->Wants("REQHello"));
}

TEST_F(StewardMethodsTest, WritesAFileBelowTheNodeItWasFor) {
  Start();
  EXPECT_EQ(Write(kFile, "d/e", "f.log", "one"), WEIR_OK);
  EXPECT_EQ(Write(kFile, "d/e", "f.log", "2"), WEIR_OK);
  EXPECT_EQ(Write(kFile, "", "top", "3"), WEIR_OK);
  EXPECT_THAT(Files(), ElementsAre("data/d/e/node2/f.log", "data/node2/top"));
  EXPECT_EQ(ReadFile(data_ + "/d/e/node2/f.log"), "2");
}

TEST_F(StewardMethodsTest, AppendsToAFile) {
  Start();
  EXPECT_EQ(Write(kFileAppend, "d", "f.log", "one\n"), WEIR_OK);
  EXPECT_EQ(Write(kFileAppend, "d", "f.log", "two\n"), WEIR_OK);
  EXPECT_EQ(Write(kErrorLog, "errorLog", "error.log", "bad\n", "errorCentral"),
            WEIR_OK);
  EXPECT_EQ(ReadFile(data_ + "/d/node2/f.log"), "one\ntwo\n");
  EXPECT_EQ(ReadFile(data_ + "/errorLog/errorCentral/error.log"), "bad\n");
  EXPECT_EQ(host_.metric("files_written_total"), std::vector<uint64_t>{3});
}

TEST_F(StewardMethodsTest, WritesAReplyWhereItsRequestSaid) {
  Start();
  EXPECT_EQ(Handle(StewardMessage(kFileAppend)
                       .From("node2")
                       .To("node1")
                       .In("other", "other")
                       .Answers("node2", "d", "f.log")
                       .Data("hi\n")),
            WEIR_OK);
  EXPECT_THAT(Files(), ElementsAre("data/d/node2/f.log"));
}

TEST_F(StewardMethodsTest, WritesNowhereElse) {
  std::filesystem::create_directory(temp_.path() + "/outside");
  std::filesystem::create_directory_symlink(temp_.path() + "/outside",
                                            data_ + "/link");
  Start();
  for (const Type type : {kFile, kFileAppend}) {
    const std::pair<std::string, std::string> kPlaces[] = {
        {"..", "f"},
        {"../outside", "f"},
        {"d/../../outside", "f"},
        {"./d", "f"},
        {"/etc", "f"},
        {temp_.path() + "/outside", "f"},
        {data_, "f"},
        {"link", "f"},
        {"d", ""},
        {"d", "."},
        {"d", ".."},
        {"d", "../f"},
        {"d", "a/b"},
        {"d", std::string("a\0b", 3)},
        {"d", "a\nb"},
        {"d", std::string(256, 'n')},
        {std::string(256, 'n'), "f"},
        {"d", ".weir-new"},
        {"a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q", "f"}};
    for (const auto& [directory, name] : kPlaces) {
      EXPECT_EQ(Write(type, directory, name), WEIR_ERR)
          << directory << " " << name;
    }
    for (const char* const node : {"", "..", ".", "a/b", "../../outside"}) {
      EXPECT_EQ(Write(type, "", "f", "x", node), WEIR_ERR) << node;
    }
  }
  EXPECT_THAT(Files(), IsEmpty());
  EXPECT_THAT(host_.logged(), SizeIs(2 * (19 + 5)));
  EXPECT_THAT(host_.logged()[0],
              HasSubstr("file of node node1: directory \"..\""));
}

TEST_F(StewardMethodsTest, FollowsNoLinkAndWritesIntoNoPipe) {
  std::ofstream(temp_.path() + "/secret") << "secret";
  std::filesystem::create_directories(data_ + "/d/node2/folder");
  const std::string there = data_ + "/d/node2/";
  std::filesystem::create_symlink(temp_.path() + "/secret", there + "link");
  ASSERT_EQ(mkfifo((there + "pipe").c_str(), 0600), 0);
  Start();
  for (const Type type : {kFile, kFileAppend}) {
    for (const char* const name : {"link", "pipe", "folder"}) {
      EXPECT_EQ(Write(type, "d", name), WEIR_ERR) << name;
    }
  }
  EXPECT_EQ(ReadFile(temp_.path() + "/secret"), "secret");
  EXPECT_TRUE(std::filesystem::is_symlink(there + "link"));
}

TEST_F(StewardMethodsTest, WritesToAbsoluteDirectoriesThatAreAllowed) {
  const std::string allowed = temp_.path() + "/allowed";
  std::filesystem::create_directory(allowed);
  Start(R"({"absolute_directories": [")" + allowed + R"("]})");
  EXPECT_EQ(Write(kFile, allowed, "f", "1"), WEIR_OK);
  EXPECT_EQ(Write(kFile, allowed + "/deep", "f", "2"), WEIR_OK);
  EXPECT_EQ(Write(kFile, allowed + "ed", "f"), WEIR_ERR);
  EXPECT_EQ(Write(kFile, allowed + "/../x", "f"), WEIR_ERR);
  EXPECT_THAT(Files(), ElementsAre("allowed/deep/f", "allowed/f"));
}

TEST_F(StewardMethodsTest, LetsNoFileGrowForEver) {
  Start(R"({"max_file_bytes": 10})");
  EXPECT_EQ(Write(kFileAppend, "d", "f", "123456"), WEIR_OK);
  EXPECT_EQ(Write(kFileAppend, "d", "f", "12345"), WEIR_ERR);
  EXPECT_EQ(Write(kFileAppend, "d", "f", "1234"), WEIR_OK);
  EXPECT_EQ(Write(kFile, "d", "f", "12345678901"), WEIR_ERR);
  EXPECT_EQ(ReadFile(data_ + "/d/node2/f"), "1234561234");
  EXPECT_EQ(host_.metric("refused_total"), std::vector<uint64_t>{2});
}

StewardMessage HelloOf(std::string_view node, std::string_view data) {
  return StewardMessage(kHello)
      .From(node)
      .To("central")
      .In("hello-messages", "hello.log")
      .Data(data);
}

TEST_F(StewardMethodsTest, WritesWhenANodeSaidHello) {
  Start();
  EXPECT_EQ(Handle(HelloOf("node1", "Hello from node1\n")), WEIR_OK);
  EXPECT_EQ(Handle(HelloOf("node1", "Hello from node1\n")), WEIR_OK);
  EXPECT_EQ(ReadFile(data_ + "/hello-messages/node1/hello.log"),
            "Mon Jan  2 15:04:05 2006, Received hello from \"node1\"\n");
  EXPECT_EQ(host_.metric("hellos_total"), std::vector<uint64_t>{2});
  EXPECT_EQ(host_.metric("hello_nodes"), std::vector<uint64_t>{1});
}

TEST_F(StewardMethodsTest, TellsOfNodesThatAreNewAndOfOtherKeys) {
  Start();
  const std::string key(32, 'k');
  Handle(HelloOf("node1", key));
  Handle(HelloOf("node1", key));
  Start();  // It remembers.
  Handle(HelloOf("node1", key));
  ASSERT_THAT(host_.emitted(), SizeIs(1));
  EXPECT_EQ(host_.emitted()[0].kind, "steward.node.new");
  EXPECT_EQ(host_.emitted()[0].subject, "node1");
  EXPECT_THAT(host_.emitted()[0].json, HasSubstr("\"6b6b6b"));
  Handle(HelloOf("node1", std::string(32, 'l')));
  ASSERT_THAT(host_.emitted(), SizeIs(2));
  EXPECT_EQ(host_.emitted()[1].kind, "steward.node.key_changed");
  EXPECT_EQ(host_.emitted()[1].severity, WEIR_SEVERITY_WARNING);
}

TEST_F(StewardMethodsTest, DoesNotTrustTheNameInAHello) {
  Start();
  EXPECT_EQ(Handle(HelloOf("../../x", "")), WEIR_ERR);
  EXPECT_EQ(Handle(HelloOf("", "")), WEIR_ERR);
  EXPECT_THAT(Files(), IsEmpty());
  EXPECT_THAT(host_.emitted(), IsEmpty());
}

TEST_F(StewardMethodsTest, ShowsLinesInTheLog) {
  Start();
  EXPECT_EQ(Handle(StewardMessage(kConsole).From("node1").Data("a\nb\n\nc")),
            WEIR_OK);
  EXPECT_THAT(host_.logged(),
              ElementsAre("node1: a", "node1: b", "node1: ", "node1: c"));
}

TEST_F(StewardMethodsTest, AnswersAPing) {
  Start();
  EXPECT_EQ(Handle(StewardMessage(kPing, 7).From("node1")), WEIR_OK);
  ASSERT_THAT(host_.replies(), SizeIs(1));
  EXPECT_EQ(host_.replies()[0].seq, 7u);
  host_.AnswerRepliesWith(WEIR_NOT_FOUND);
  EXPECT_EQ(Handle(StewardMessage(kPing).From("node1")), WEIR_OK)
      << "it wants no answer";
  host_.AnswerRepliesWith(WEIR_AGAIN);
  EXPECT_EQ(Handle(StewardMessage(kPing).From("node1")), WEIR_ERR);
  EXPECT_EQ(Handle(StewardMessage(kPong).From("node2")), WEIR_OK);
  ASSERT_THAT(host_.emitted(), SizeIs(1));
  EXPECT_EQ(host_.emitted()[0].kind, "steward.pong");
  EXPECT_EQ(host_.emitted()[0].subject, "node2");
  EXPECT_EQ(Handle(StewardMessage(kNone).From("node1")), WEIR_OK);
}

TEST_F(StewardMethodsTest, NamesAllFaultsOfItsSettings) {
  const PluginInstance refused(
      kPath, host_.table(),
      R"({"directory": "x", "absolute_directories": ["y"],
          "methods": ["cliCommand"], "max_file_bytes": 0, "more": 1})");
  EXPECT_NE(refused.status(), WEIR_OK);
  for (const char* const fault :
       {"directory: \"x\"", "absolute_directories: \"y\"",
        "methods: \"cliCommand\"", "max_file_bytes", "more"}) {
    EXPECT_THAT(refused.error(), HasSubstr(fault));
  }
}

TEST_F(StewardMethodsTest, WritesNothingWithoutADirectory) {
  host_.SetDataDirectory("");
  Start();
  EXPECT_EQ(Write(kFile, "d", "f"), WEIR_ERR);
  EXPECT_THAT(host_.logged()[0], HasSubstr("no data directory"));
}

// A node with one process that runs and one that does not.
class StewardProcessMethodsTest : public StewardMethodsTest {
 protected:
  StewardProcessMethodsTest() {
    node().name = "node2";
    node().profile = "S1";
    node().public_key = std::string(32, 'k');
    node().processes = {{.id = 1,
                         .method = "REQHello",
                         .subject = "node2.REQHello.EventNACK",
                         .name = "node2.REQHello.EventNACK_subscriber"},
                        {.id = 2,
                         .state = WEIR_PROCESS_STOPPED,
                         .method = "REQPing",
                         .subject = "node2.REQPing.EventACK",
                         .name = "node2.REQPing.EventACK_subscriber"}};
    Start();
  }

  FakeHost::Node& node() { return host_.nodes()["central"]; }

  // What is answered; a status that does not fit with it is put before it.
  std::string Ask(Type type, const std::vector<std::string>& args = {}) {
    const size_t before = host_.replies().size();
    const weir_status status =
        Handle(StewardMessage(type).From("node1").To("node2").Args(args));
    if (host_.replies().size() != before + 1) return "no answer";
    const std::string answer = host_.replies().back().data;
    const bool failed = answer.rfind("error: ", 0) == 0;
    return ((status == WEIR_OK) == failed ? std::to_string(status) : "") +
           answer;
  }
};

TEST_F(StewardProcessMethodsTest, ListsWhatRuns) {
  EXPECT_EQ(Ask(kList),
            "Mon Jan  2 15:04:05 2006, id: 1, name: "
            "node2.REQHello.EventNACK_subscriber\n");
  node().processes[1].state = WEIR_PROCESS_STARTING;
  EXPECT_EQ(Ask(kList),
            "Mon Jan  2 15:04:05 2006, id: 1, name: "
            "node2.REQHello.EventNACK_subscriber\n"
            "Mon Jan  2 15:04:05 2006, id: 2, name: "
            "node2.REQPing.EventACK_subscriber\n");
}

TEST_F(StewardProcessMethodsTest, ListsAsMuchAsAnAnswerHolds) {
  node().processes.clear();
  for (uint64_t id = 1; id <= 1000; ++id) {
    node().processes.push_back({.id = id, .name = std::string(1000, 'x')});
  }
  const std::string answer = Ask(kList);
  EXPECT_GT(answer.size(), 900'000u);
  EXPECT_LE(answer.size(), 960u << 10);
  EXPECT_EQ(answer.back(), '\n');
}

TEST_F(StewardProcessMethodsTest, StartsWhatIsConfigured) {
  EXPECT_EQ(Ask(kStart, {"REQPing"}),
            "info: OpProcessStart: started id: 2, subject: {node2 REQPing}: "
            "node: node2\n");
  EXPECT_EQ(node().processes[1].state, WEIR_PROCESS_RUNNING);
  EXPECT_THAT(host_.logged(),
              ElementsAre(HasSubstr("opProcessStart of node node1: info: ")));
  EXPECT_EQ(Ask(kStart, {"REQPing"}),
            "info: OpProcessStart: started id: 2, subject: {node2 REQPing}: "
            "node: node2\n")
      << "that it runs already is no error";
}

TEST_F(StewardProcessMethodsTest, SaysWhatIsWrongWithAStart) {
  EXPECT_EQ(Ask(kStart),
            "error: OpProcessStart: got 0 methodArgs, want: method\n");
  EXPECT_EQ(Ask(kStart, {"REQPing", "x"}),
            "error: OpProcessStart: got 2 methodArgs, want: method\n");
  EXPECT_EQ(Ask(kStart, {""}),
            "error: OpProcessStart: got 1 methodArgs, want: method\n");
  EXPECT_EQ(Ask(kStart, {"REQCliCommand"}),
            "error: OpProcessStart: no process of the method REQCliCommand is "
            "configured on node2\n");
  host_.AnswerNodesWith(WEIR_INVALID, "no subject");
  EXPECT_EQ(Ask(kStart, {"REQPing"}), "error: OpProcessStart: no subject\n");
  host_.nodes().clear();
  EXPECT_THAT(Ask(kStart, {"REQPing"}), HasSubstr("error: OpProcessStart: "));
  EXPECT_THAT(Ask(kList), HasSubstr("error: OpProcessList: "));
}

TEST_F(StewardProcessMethodsTest, StopsWhatRuns) {
  EXPECT_EQ(Ask(kStop, {"REQHello", "node2", "subscriber"}),
            "info: OpProcessStop: process stopped id: 1, method: {node2 "
            "REQHello} on: node2\n");
  EXPECT_EQ(node().processes[0].state, WEIR_PROCESS_STOPPED);
  EXPECT_EQ(Ask(kStop, {"REQHello", "node2", "subscriber"}),
            "error: OpProcessStop: did not find process to stop: {node2 "
            "REQHello} on node2\n");
}

TEST_F(StewardProcessMethodsTest, SaysWhatIsWrongWithAStop) {
  for (const std::vector<std::string>& args :
       {std::vector<std::string>{},
        {"REQHello"},
        {"REQHello", "node2"},
        {"REQHello", "node2", "subscriber", "x"}}) {
    EXPECT_EQ(Ask(kStop, args), "error: OpProcessStop: got " +
                                    std::to_string(args.size()) +
                                    " methodArgs, want: method,node,kind\n");
  }
  EXPECT_EQ(Ask(kStop, {"REQHello", "node3", "subscriber"}),
            "error: OpProcessStop: did not find process to stop: {node3 "
            "REQHello} on node2\n");
  EXPECT_THAT(Ask(kStop, {"REQHello", "node2", "publisher"}),
              HasSubstr("did not find process"));
  EXPECT_EQ(node().processes[0].state, WEIR_PROCESS_RUNNING);
  node().profile = "C4";
  EXPECT_THAT(Ask(kStop, {"REQHello", "node2", "whatever"}),
              HasSubstr("process stopped id: 1"))
      << "ctrl does not look at it";
}

TEST_F(StewardProcessMethodsTest, TellsItsPublicKey) {
  EXPECT_EQ(Ask(kKey), std::string(32, 'k'));
  node().public_key.clear();
  EXPECT_EQ(Ask(kKey), "error: PublicKey: the node node2 has no signing key\n");
}

}  // namespace
}  // namespace weir
