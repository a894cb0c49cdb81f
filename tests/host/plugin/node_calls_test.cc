// What plugins ask of the nodes of their host, in both isolation modes.
#include <dlfcn.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/pipeline/event.h"
#include "host/pipeline/handler.h"
#include "host/plugin/child_channel.h"
#include "host/plugin/child_ring.h"
#include "host/plugin/child_voice.h"
#include "host/plugin/in_process_handler.h"
#include "host/plugin/instance_nodes.h"
#include "host/plugin/node_call.h"
#include "host/plugin/plugin_table.h"
#include "host/sync/system_clock.h"
#include "lib/steward/message.h"
#include "tests/support/child_plugin.h"
#include "tests/support/fake_steward_node.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

enum class Mode { kInProcess, kChild };

class NodeCallsTest : public testing::TestWithParam<Mode> {
 protected:
  NodeCallsTest() { plugins_.NewServices(nullptr, nullptr, &node_, &node_); }

  void Create() {
    const std::string path = FixturePath("asks_nodes");
    if (GetParam() == Mode::kChild) {
      handler_ = plugins_.Make({.module = path});
    } else {
      void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
      ASSERT_NE(library, nullptr) << dlerror();
      const auto table = EnterPlugin(library);
      ASSERT_THAT(table, IsOk());
      handler_ = std::make_unique<InProcessHandler>(
          *table,
          std::shared_ptr<void>(library, [](void* code) { dlclose(code); }),
          plugins_.shared_services(), "{}");
    }
    ASSERT_THAT(handler_->Create(), IsOk());
  }

  // Has the plugin do that. Returns "kind subject json" of what it says to it.
  std::vector<std::string> Do(absl::string_view what) {
    const size_t before = plugins_.heard().events().size();
    const TestRun run = plugins_.Run(1, 1, what);
    EXPECT_TRUE(handler_->HandleMessages(run.messages, done_, errors_).alive);
    std::vector<std::string> said;
    const std::vector<Event> events = plugins_.heard().events();
    for (size_t i = before; i < events.size(); ++i) {
      said.push_back(absl::StrCat(events[i].type, " ", events[i].subject, " ",
                                  events[i].json));
    }
    return said;
  }

  void TearDown() override {
    if (handler_ != nullptr) handler_->Destroy();
    handler_.reset();
  }

  FakeStewardNode node_;
  SystemClock clock_;
  ChildPlugins plugins_{clock_, 1 << 20};
  std::atomic<uint32_t> done_{0}, errors_{0};
  std::unique_ptr<Handler> handler_;
};

INSTANTIATE_TEST_SUITE_P(BothModes, NodeCallsTest,
                         testing::Values(Mode::kInProcess, Mode::kChild),
                         [](const auto& info) {
                           return info.param == Mode::kChild ? "Child"
                                                             : "InProcess";
                         });

TEST_P(NodeCallsTest, TellWhatANodeIs) {
  Create();
  EXPECT_THAT(Do("describe central"),
              ElementsAre("describe central \"S1 32\""));
  EXPECT_THAT(Do("thread describe central"),
              ElementsAre("describe central \"S1 32\""));
  EXPECT_THAT(Do("describe elsewhere"), ElementsAre("describe none "));
}

TEST_P(NodeCallsTest, ListTheProcesses) {
  node_.Configure("REQHello");
  node_.Configure("REQPing", false);
  node_.StartAtRunTime("REQTailFile");
  Create();
  EXPECT_THAT(Do("list central"),
              ElementsAre("list 3 \"1REQHello/central.REQHello.EventACK/"
                          "central.REQHello.EventACK_subscriber/2c "
                          "2REQPing/central.REQPing.EventACK/"
                          "central.REQPing.EventACK_subscriber/3c "
                          "3REQTailFile/central.REQTailFile.EventACK/"
                          "central.REQTailFile.EventACK_subscriber/2r \""));
  EXPECT_THAT(Do("list elsewhere"), ElementsAre("list none "));
}

TEST_P(NodeCallsTest, ListMoreProcessesThanGoAcrossAtOnce) {
  const std::string method(500, 'm');
  for (int i = 0; i < 1000; ++i) {
    node_.StartAtRunTime(absl::StrCat(method, i));
  }
  Create();
  EXPECT_THAT(Do("list central"), ElementsAre(HasSubstr("list 1000 ")));
}

TEST_P(NodeCallsTest, SendMessagesOnceTheyAreOnTheDisk) {
  node_.AnswerSends(absl::OkStatus(), /*hold=*/true);
  Create();
  std::atomic<bool> kept{false};
  std::thread disk([&] {
    node_.AwaitSent(2);
    // Time enough to answer, for one that does not wait.
    for (int i = 0; i < 10'000; ++i) std::this_thread::yield();
    EXPECT_THAT(plugins_.heard().events(), IsEmpty());
    kept = true;
    node_.Keep();
  });
  EXPECT_THAT(Do(R"(send central [{"toNode":"ship1","method":"REQHello",)"
                 R"("data":"aGk="},{"toNode":"ship2","method":"REQPing"}])"),
              ElementsAre("send 0 \"\""));
  disk.join();
  EXPECT_TRUE(kept);
  const std::vector<steward::Message> sent = node_.sent();
  ASSERT_THAT(sent, SizeIs(2));
  EXPECT_EQ(sent[0].to_node, "ship1");
  EXPECT_EQ(sent[0].data, steward::Message::Texts{"hi"});
  EXPECT_EQ(sent[1].method, "REQPing");
}

TEST_P(NodeCallsTest, SayWhyNothingIsSent) {
  Create();
  EXPECT_THAT(Do("send elsewhere {}"),
              ElementsAre(absl::StrCat("send ", WEIR_NOT_FOUND,
                                       " \"'elsewhere' is no node that this "
                                       "plugin has to do with\"")));
  EXPECT_THAT(Do("send central [{}, {\"toNode\": 7}]"),
              ElementsAre("send -3 \"messages[1].toNode: it is of type number "
                          "in place of a text\""));
  const std::pair<absl::Status, int> kReasons[] = {
      {absl::InvalidArgumentError("messages[0].method"), WEIR_INVALID},
      {absl::ResourceExhaustedError("full"), WEIR_AGAIN},
      {absl::FailedPreconditionError("disk"), WEIR_ERR},
      {absl::UnavailableError("stops"), WEIR_ERR}};
  for (const auto& [status, code] : kReasons) {
    node_.AnswerSends(status);
    EXPECT_THAT(Do("send central {\"toNode\": \"a\"}"),
                ElementsAre(absl::StrCat("send ", code, " \"", status.message(),
                                         "\"")));
  }
}

TEST_P(NodeCallsTest, SendNoMoreThanIsReasonable) {
  Create();
  std::string nodes = "\"n\"";
  for (int i = 1; i < 10'001; ++i) nodes += ",\"n\"";
  EXPECT_THAT(Do(absl::StrCat("send central {\"toNodes\":[", nodes, "]}")),
              ElementsAre(HasSubstr("send -3 \"for all toNodes these are 10001 "
                                    "messages of 0 bytes")));
  nodes.resize(4 * 1000 - 1);  // A thousand.
  EXPECT_THAT(
      Do(absl::StrCat("send central {\"toNodes\":[", nodes, "],\"data\":[\"",
                      std::string(70'000, 'x'), "\"]}")),
      ElementsAre(HasSubstr("send -3 \"for all toNodes these are 1000 "
                            "messages of 70000000 bytes")));
  // All that each of them has in it counts.
  const std::string word = absl::StrCat("\"", std::string(70'000, 'x'), "\"");
  for (const std::string& member :
       {absl::StrCat("\"methodArgs\":[", word, "]"),
        absl::StrCat("\"replyMethodArgs\":[", word, "]"),
        absl::StrCat("\"replyMethod\":", word),
        absl::StrCat("\"directory\":", word),
        absl::StrCat("\"fileName\":", word),
        absl::StrCat("\"PreviousMessage\":{\"methodArgs\":[", word, "]}")}) {
    EXPECT_THAT(
        Do(absl::StrCat("send central {\"toNodes\":[", nodes, "],", member,
                        "}")),
        ElementsAre(HasSubstr("send -3 \"for all toNodes these are 1000 "
                              "messages of 70000000 bytes")))
        << member.substr(0, 30);
  }
  std::string many = "{}";
  for (int i = 1; i < 1001; ++i) many += ",{}";
  EXPECT_THAT(Do(absl::StrCat("send central [", many, "]")),
              ElementsAre("send -3 \"messages: there are 1001; must be 1 to "
                          "1000\""));
  EXPECT_THAT(node_.sent(), IsEmpty());
}

TEST_P(NodeCallsTest, StartAndStopWhatTheOperatorConfigured) {
  node_.Configure("REQPing", false);
  Create();
  EXPECT_THAT(Do("start central REQPing"), ElementsAre("start 0 \"\""));
  EXPECT_THAT(node_.states(), ElementsAre("+REQPing"));
  EXPECT_THAT(Do("stop central REQPing"), ElementsAre("stop 0 \"\""));
  EXPECT_THAT(node_.states(), ElementsAre("-REQPing"));
  EXPECT_THAT(Do("stop central REQPong"),
              ElementsAre(absl::StrCat("stop ", WEIR_NOT_FOUND,
                                       " \"no process REQPong\"")));
  Do("start central REQPing");
  handler_->Destroy();
  handler_.reset();
  EXPECT_THAT(node_.states(), ElementsAre("+REQPing"))
      << "what was configured outlives who started it";
}

TEST_P(NodeCallsTest, OpenNoMethodThatTheOperatorDidNot) {
  Create();
  EXPECT_THAT(Do("start central REQCliCommand"),
              ElementsAre(absl::StrCat("start ", WEIR_NOT_FOUND,
                                       " \"no process REQCliCommand\"")));
  for (const char* method :
       {"REQCliCommand", "cliCommand.x", "REQCliCommand.x", "sub.x", "subX",
        "subx.y", "subCopySrc.", "subCopySrc.a.b", "subCopySrc.>",
        "subCopySrc.*", "subCopySrc.a/b", "sub.CopySrc.x", "REQSUB.x",
        "REQSUBcopy.x", "subCopy-Src.x"}) {
    EXPECT_THAT(Do(absl::StrCat("start central ", method, " ship1")),
                ElementsAre(HasSubstr("start -3 ")))
        << method;
  }
  EXPECT_THAT(
      Do(absl::StrCat("start central subX.", std::string(65, 'w'), " ship1")),
      ElementsAre(HasSubstr("start -3 ")));
  EXPECT_THAT(node_.states(), IsEmpty());
}

TEST_P(NodeCallsTest, StartSubProcessesOfOneSenderUntilTheInstanceEnds) {
  Create();
  EXPECT_THAT(Do("start central subCopySrc.8f-3_A ship1"),
              ElementsAre("start 0 \"\""));
  EXPECT_THAT(Do("start central REQSUBCopyDst.7 ship2"),
              ElementsAre("start 0 \"\""));
  EXPECT_THAT(Do("start central subOne.1 ship2"), ElementsAre("start 0 \"\""));
  ASSERT_THAT(node_.settings(), SizeIs(3));
  EXPECT_THAT(node_.settings()[0].allowed_senders, ElementsAre("ship1"));
  EXPECT_EQ(node_.settings()[0].method, "subCopySrc.8f-3_A");
  EXPECT_THAT(Do("stop central subOne.1"), ElementsAre("stop 0 \"\""));
  EXPECT_THAT(node_.states(),
              ElementsAre("+subCopySrc.8f-3_A", "+REQSUBCopyDst.7"));
  handler_->Destroy();
  EXPECT_THAT(node_.states(), IsEmpty());
  handler_.reset();
}

TEST_P(NodeCallsTest, LeaveTheSubProcessesOfOthersAlone) {
  node_.StartAtRunTime("subCopySrc.other");
  Create();
  EXPECT_THAT(Do("start central subCopySrc.other ship1"),
              ElementsAre("start -1 \"somebody else has the process "
                          "subCopySrc.other\""));
  EXPECT_THAT(Do("stop central subCopySrc.other"),
              ElementsAre("stop -1 \"the process subCopySrc.other is somebody "
                          "else's\""));
  EXPECT_THAT(node_.states(), ElementsAre("+subCopySrc.other"));
}

TEST_P(NodeCallsTest, StartNotMoreThanAHundred) {
  Create();
  for (int i = 0; i < 100; ++i) {
    Do(absl::StrCat("start central subX.", i, " ship1"));
  }
  EXPECT_THAT(node_.states(), SizeIs(100));
  EXPECT_THAT(Do("start central subX.more ship1"),
              ElementsAre(HasSubstr("start -2 \"the plugin has 100")));
  EXPECT_THAT(Do("start central subX.7 ship1"), ElementsAre("start 0 \"\""))
      << "its own, once more";
  Do("stop central subX.7");
  EXPECT_THAT(Do("start central subX.more ship1"), ElementsAre("start 0 \"\""));
}

// The type of what comes by one is its name, and a host knows few types.
TEST_P(NodeCallsTest, NameNotMoreThanThirtyTwoKindsOfSubProcesses) {
  Create();
  for (int i = 0; i < 32; ++i) {
    EXPECT_THAT(Do(absl::StrCat("start central subX", i, ".1 ship1")),
                ElementsAre("start 0 \"\""));
    Do(absl::StrCat("stop central subX", i, ".1"));
  }
  EXPECT_THAT(Do("start central subMore.1 ship1"),
              ElementsAre(HasSubstr("start -2 \"the plugin has named 32")));
  EXPECT_THAT(Do("start central REQSUBX7.2 ship1"),
              ElementsAre(HasSubstr("start -2 \"the plugin has named 32")));
  EXPECT_THAT(Do("start central subX7.2 ship1"), ElementsAre("start 0 \"\""));
}

TEST_P(NodeCallsTest, HaveBounds) {
  node_.Configure("REQPing");
  node_.Configure("REQPong");
  Create();
  EXPECT_THAT(
      Do("errs"),
      ElementsAre("err no function -3", "err nothing to take -3",
                  "err no bytes -3", "err long source -3",
                  "err long messages -3", "err long method -3",
                  "err no UTF-8 -3",
                  absl::StrCat("err no room to say it ", WEIR_NOT_FOUND),
                  "err no  3", "err not taken -2", "err taken 1"));
}

TEST_P(NodeCallsTest, ReachTheSourcesOfThePluginAlone) {
  plugins_.services().SetSources({"ris"});
  Create();
  EXPECT_THAT(Do("describe central"), ElementsAre("describe none "));
  plugins_.services().SetSources({"ris", "central"});
  EXPECT_THAT(Do("describe central"),
              ElementsAre("describe central \"S1 32\""));
}

TEST_P(NodeCallsTest, AreNotThereInAHostWithoutNodes) {
  plugins_.NewServices();
  Create();
  EXPECT_THAT(Do("start central REQPing"),
              ElementsAre("start -4 \"the host has no nodes\""));
  EXPECT_THAT(Do("list central"), ElementsAre("list none "));
}

TEST_P(NodeCallsTest, SendNothingByANodeThatDoesNot) {
  plugins_.NewServices(nullptr, nullptr, &node_, nullptr);
  Create();
  EXPECT_THAT(Do("send central {}"), ElementsAre(HasSubstr("send -4 ")));
  EXPECT_THAT(Do("describe central"), ElementsAre("describe central \"S1 0\""));
}

// A child that is killed has nobody who would stop them.
TEST(NodeCallsChildTest, StopTheProcessesOfAPluginThatDies) {
  FakeStewardNode node;
  SystemClock clock;
  ChildPlugins plugins(clock, 1 << 20);
  plugins.NewServices(nullptr, nullptr, &node, &node);
  auto handler = plugins.Make({.module = FixturePath("asks_nodes")});
  ASSERT_THAT(handler->Create(), IsOk());
  std::atomic<uint32_t> done{0};
  std::atomic<uint32_t> errors{0};
  const TestRun run = plugins.Run(1, 1, "start central subX.1 ship1");
  ASSERT_TRUE(handler->HandleMessages(run.messages, done, errors).alive);
  EXPECT_THAT(node.states(), ElementsAre("+subX.1"));
  const TestRun death = plugins.Run(2, 1, "die");
  EXPECT_FALSE(handler->HandleMessages(death.messages, done, errors).alive);
  handler.reset();
  EXPECT_THAT(node.states(), IsEmpty());
}

// A child can write into its ring whatever it likes.
TEST(NodeCallsChildTest, ThatNoChildWritesEndIt) {
  FakeStewardNode node;
  SystemClock clock;
  ChildPlugins plugins(clock, 1 << 20);
  plugins.NewServices(nullptr, nullptr, &node, &node);
  const auto drain = [&](const std::string& record, bool asks) {
    ChildChannelMemory channel = ChildChannelMemory::Create().value();
    ChildVoice voice(*channel, plugins.shared_services());
    ChildRingWriter ring(channel->ring, 10);
    if (!record.empty()) {
      EXPECT_TRUE(ring.Push(ChildRecord::kNode, record));
    }
    channel->question.kind = ChildQuestion::kNode;
    if (asks) channel->question.asked.store(1);
    return voice.Drain();
  };
  const std::string call = EncodeNodeCall({.kind = NodeCall::Kind::kStart,
                                           .source = "central",
                                           .text = "subX.1",
                                           .sender = "ship1"});
  EXPECT_TRUE(drain(call, true));
  EXPECT_THAT(node.settings(), SizeIs(1));
  EXPECT_TRUE(drain(call, false)) << "it may ask later";
  EXPECT_FALSE(drain("", true)) << "for what it has not said";
  EXPECT_FALSE(drain(call + "x", true));
  for (size_t size = 1; size < call.size(); ++size) {
    EXPECT_FALSE(drain(call.substr(0, size), true)) << size;
  }
  std::string unknown = call;
  unknown[0] = 6;
  EXPECT_FALSE(drain(unknown, true));
  unknown[0] = 0;
  EXPECT_FALSE(drain(unknown, true));
  EXPECT_FALSE(drain(EncodeNodeCall({.kind = NodeCall::Kind::kStop,
                                     .source = "central",
                                     .text = std::string(1025, 'x')}),
                     true));
  EXPECT_THAT(node.settings(), SizeIs(1));
}

}  // namespace
}  // namespace weir
