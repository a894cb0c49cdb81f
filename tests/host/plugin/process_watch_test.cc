// What plugins are told of the processes that their messages come by, in both
// isolation modes.
#include "host/plugin/process_watch.h"

#include <dlfcn.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/pipeline/event.h"
#include "host/pipeline/handler.h"
#include "host/plugin/child_handler.h"
#include "host/plugin/in_process_handler.h"
#include "host/plugin/plugin_table.h"
#include "host/sync/system_clock.h"
#include "tests/support/child_plugin.h"
#include "tests/support/fake_steward_node.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

enum class Mode { kInProcess, kChild };

class ProcessWatchTest : public testing::TestWithParam<Mode> {
 protected:
  ProcessWatchTest() { plugins_.NewServices(nullptr, nullptr, &node_, &node_); }

  std::unique_ptr<Handler> Make(const std::string& config) {
    const std::string path = FixturePath("follows_processes");
    if (GetParam() == Mode::kChild) {
      return plugins_.Make({.module = path,
                            .config_json = config,
                            .destroy_deadline = absl::Seconds(1)});
    }
    void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    const auto table = EnterPlugin(library);
    EXPECT_THAT(table, IsOk());
    return std::make_unique<InProcessHandler>(
        *table,
        std::shared_ptr<void>(library, [](void* code) { dlclose(code); }),
        plugins_.shared_services(), config);
  }

  void Create(const std::string& config = "{}") {
    handler_ = Make(config);
    ASSERT_THAT(handler_->Create(), IsOk());
  }

  // "type subject" of each that was said since the last call, without what was
  // asked for, unless `asked`.
  std::vector<std::string> Said(bool asked = false) {
    std::vector<std::string> said;
    const std::vector<Event> events = plugins_.heard().events();
    for (; read_ < events.size(); ++read_) {
      if (events[read_].type == "asked" && !asked) continue;
      said.push_back(
          absl::StrCat(events[read_].type, " ", events[read_].subject));
    }
    return said;
  }

  bool Handle() {
    const TestRun run = plugins_.Run(1, 1, "hi");
    done_ = 0;
    return handler_->HandleMessages(run.messages, done_, errors_).alive;
  }

  void TearDown() override {
    if (handler_ != nullptr) handler_->Destroy();
    handler_.reset();
  }

  FakeStewardNode node_;
  SystemClock clock_;
  ChildPlugins plugins_{clock_, 1 << 20};
  size_t read_ = 0;
  std::atomic<uint32_t> done_{0}, errors_{0};
  std::unique_ptr<Handler> handler_;
};

INSTANTIATE_TEST_SUITE_P(BothModes, ProcessWatchTest,
                         testing::Values(Mode::kInProcess, Mode::kChild),
                         [](const auto& info) {
                           return info.param == Mode::kChild ? "Child"
                                                             : "InProcess";
                         });

TEST_P(ProcessWatchTest, TellsWhatRunsAndWhatBeginsAndEnds) {
  node_.Configure("REQHello");
  node_.Configure("REQPing", false);
  Create();
  EXPECT_EQ(handler_->LookInterval(), ProcessWatch::kInterval);
  EXPECT_TRUE(handler_->HasCompanions());
  EXPECT_THAT(Said(), IsEmpty());
  EXPECT_TRUE(handler_->Look());
  EXPECT_THAT(Said(), ElementsAre("started central/REQHello central"));
  EXPECT_TRUE(handler_->Look());
  EXPECT_THAT(Said(), IsEmpty());
  ASSERT_THAT(node_.StartConfigured("REQPing"), IsOk());
  node_.StartAtRunTime("REQTailFile");
  EXPECT_TRUE(handler_->Look());
  EXPECT_THAT(Said(), ElementsAre("started central/REQPing central",
                                  "started central/REQTailFile central"));
  ASSERT_THAT(node_.Stop("REQHello"), IsOk());
  ASSERT_THAT(node_.Stop("REQTailFile"), IsOk());
  ASSERT_THAT(node_.StartConfigured("REQHello"), IsOk());
  node_.StartAtRunTime("REQNone");
  EXPECT_TRUE(handler_->Look());
  EXPECT_THAT(Said(), ElementsAre("stopped central/REQTailFile",
                                  "started central/REQNone central"))
      << "what ended first; what began again has not changed";
}

TEST_P(ProcessWatchTest, TellsBeforeTheNextMessage) {
  Create();
  node_.Configure("REQHello");
  EXPECT_TRUE(Handle());
  ASSERT_THAT(node_.Stop("REQHello"), IsOk());
  EXPECT_TRUE(Handle());
  EXPECT_THAT(Said(),
              ElementsAre("started central/REQHello central", "message hi",
                          "stopped central/REQHello", "message hi"));
}

TEST_P(ProcessWatchTest, TellsThatAllHaveEndedBeforeTheInstanceDoes) {
  node_.Configure("REQHello");
  node_.Configure("REQPing");
  Create();
  handler_->Look();
  Said();
  handler_->Destroy();
  EXPECT_THAT(Said(), ElementsAre("stopped central/REQPing",
                                  "stopped central/REQHello", "destroyed 0"));
  handler_.reset();
}

TEST_P(ProcessWatchTest, RestsUntilTheNextLook) {
  node_.Configure("REQHello");
  Create();
  handler_->Look();
  Said();
  handler_->Rest();
  EXPECT_THAT(Said(), ElementsAre("stopped central/REQHello"));
  handler_->Look();
  EXPECT_THAT(Said(), ElementsAre("started central/REQHello central"));
}

TEST_P(ProcessWatchTest, TellsOfWantedTypesAloneAndAsksOnceForEach) {
  node_.Configure("REQHello");
  node_.Configure("REQPing");
  Create("{\"picky\": 1}");
  EXPECT_TRUE(handler_->WantsMessage("REQPing"));
  handler_->Look();
  node_.StartAtRunTime("subX.1");
  node_.StartAtRunTime("subX.2");
  node_.StartAtRunTime("subY.2");
  handler_->Look();
  EXPECT_TRUE(handler_->WantsMessage("subX"));
  EXPECT_FALSE(handler_->WantsMessage("subY"));
  EXPECT_THAT(Said(/*asked=*/true),
              ElementsAre("asked REQPing", "asked REQHello",
                          "started central/REQPing central", "asked subX",
                          "started central/subX.1 central",
                          "started central/subX.2 central", "asked subY"));
}

TEST_P(ProcessWatchTest, TellsOfTheSourcesOfThePluginAlone) {
  node_.Configure("REQHello");
  plugins_.services().SetSources({"ris"});
  Create();
  handler_->Look();
  EXPECT_THAT(Said(), IsEmpty());
  plugins_.services().SetSources({});
  handler_->Look();
  EXPECT_THAT(Said(), ElementsAre("started central/REQHello central"));
  plugins_.services().SetSources({"ris"});
  handler_->Look();
  EXPECT_THAT(Said(), ElementsAre("stopped central/REQHello"));
}

TEST_P(ProcessWatchTest, LogsAnErrorAndTellsOfTheEndAllTheSame) {
  node_.Configure("REQHello");
  Create("{\"fails\": 1}");
  EXPECT_TRUE(handler_->Look());
  EXPECT_TRUE(handler_->Look());
  ASSERT_THAT(node_.Stop("REQHello"), IsOk());
  EXPECT_TRUE(handler_->Look());
  EXPECT_THAT(Said(), ElementsAre("started central/REQHello central",
                                  "stopped central/REQHello"));
  EXPECT_THAT(plugins_.heard().lines(),
              ElementsAre(HasSubstr("REQHello of central began the plugin "
                                    "failed with status -5")));
}

TEST_P(ProcessWatchTest, DoesNothingWithoutNodes) {
  plugins_.NewServices();
  Create();
  EXPECT_EQ(handler_->LookInterval(), absl::ZeroDuration());
  EXPECT_TRUE(handler_->Look());
  EXPECT_TRUE(Handle());
  EXPECT_THAT(Said(), ElementsAre("message hi"));
}

TEST(ProcessWatchChildTest, SaysThatAChildDiesOfIt) {
  FakeStewardNode node;
  SystemClock clock;
  ChildPlugins plugins(clock, 1 << 20);
  plugins.NewServices(nullptr, nullptr, &node, &node);
  node.Configure("REQHello");
  const auto handler = plugins.Make({.module = FixturePath("follows_processes"),
                                     .config_json = "{\"dies\": 1}"});
  ASSERT_THAT(handler->Create(), IsOk());
  const TestRun run = plugins.Run(1, 1, "hi");
  std::atomic<uint32_t> done{0};
  std::atomic<uint32_t> errors{0};
  const RunOutcome outcome =
      handler->HandleMessages(run.messages, done, errors);
  EXPECT_FALSE(outcome.alive);
  EXPECT_FALSE(outcome.lost_one) << "the message waits for the next instance";
  EXPECT_EQ(done, 0u);
}

TEST(ProcessWatchChildTest, KillsAChildWhoseLoopDoesNotEnd) {
  FakeStewardNode node;
  SystemClock clock;
  ChildPlugins plugins(clock, 1 << 20);
  plugins.NewServices(nullptr, nullptr, &node, &node);
  node.Configure("REQHello");
  const auto handler = plugins.Make({.module = FixturePath("follows_processes"),
                                     .config_json = "{\"hangs\": 1}",
                                     .destroy_deadline = absl::Seconds(1)});
  ASSERT_THAT(handler->Create(), IsOk());
  ASSERT_TRUE(handler->Look());
  handler->Destroy();
  EXPECT_EQ(handler->pid(), 0);
}

// A child that writes where it must not is told nothing that is not so.
TEST(ProcessChangeTest, IsReadAsItWasWrittenOrNotAtAll) {
  const std::string bytes = EncodeProcessChange(
      {.started = true, .source = "a", .node = "", .method = "subX.1"});
  const auto change = DecodeProcessChange(bytes);
  ASSERT_TRUE(change.has_value());
  EXPECT_TRUE(change->started);
  EXPECT_EQ(change->source, "a");
  EXPECT_EQ(change->node, "");
  EXPECT_EQ(change->method, "subX.1");
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(DecodeProcessChange(bytes.substr(0, size)).has_value());
  }
  EXPECT_FALSE(DecodeProcessChange(bytes + "x").has_value());
}

}  // namespace
}  // namespace weir
