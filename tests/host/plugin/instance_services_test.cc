// What a plugin is lent beside emit, log and names, in both isolation modes.
#include "host/plugin/instance_services.h"

#include <dlfcn.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/pipeline/event.h"
#include "host/pipeline/handler.h"
#include "host/pipeline/losses.h"
#include "host/plugin/in_process_handler.h"
#include "host/plugin/key_value_store.h"
#include "host/plugin/plugin_table.h"
#include "host/sync/system_clock.h"
#include "tests/support/child_plugin.h"
#include "tests/support/short_temp_dir.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

enum class Mode { kInProcess, kChild };

class InstanceServicesTest : public testing::TestWithParam<Mode> {
 protected:
  // An instance of the fixture, created.
  void Create(const std::string& config,
              absl::Duration soft_deadline = absl::Seconds(1)) {
    const std::string path = FixturePath("serves");
    if (GetParam() == Mode::kChild) {
      handler_ = plugins_.Make({.module = path,
                                .config_json = config,
                                .data_dir = data_dir_,
                                .soft_deadline = soft_deadline,
                                .hard_deadline = absl::Hours(1)});
    } else {
      void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
      ASSERT_NE(library, nullptr) << dlerror();
      const auto table = EnterPlugin(library);
      ASSERT_THAT(table, IsOk());
      handler_ = std::make_unique<InProcessHandler>(
          *table,
          std::shared_ptr<void>(library, [](void* code) { dlclose(code); }),
          plugins_.shared_services(), config,
          CallLimits{.soft_ns = absl::ToInt64Nanoseconds(soft_deadline),
                     .hard_ns = absl::ToInt64Nanoseconds(absl::Hours(1))},
          data_dir_);
    }
    ASSERT_THAT(handler_->Create(), IsOk());
  }

  // Lets plugins keep something.
  void Keep(KeyValueOptions options) {
    store_ = std::make_unique<KeyValueStore>(std::move(options));
    plugins_.NewServices(store_.get());
  }

  void Handle(size_t n, uint64_t first = 1) {
    const TestRun run = plugins_.Run(first, n);
    done_ = 0;
    EXPECT_TRUE(handler_->HandleMessages(run.messages, done_, errors_).alive);
    EXPECT_EQ(done_, n);
  }

  // "type subject json" of each.
  std::vector<std::string> events() {
    std::vector<std::string> events;
    for (const Event& event : plugins_.heard().events()) {
      events.push_back(
          absl::StrCat(event.type, " ", event.subject, " ", event.json));
    }
    return events;
  }

  void TearDown() override {
    if (handler_ != nullptr) handler_->Destroy();
    handler_.reset();
  }

  const ShortTempDir dir_;
  std::string data_dir_;
  std::unique_ptr<KeyValueStore> store_;
  SystemClock clock_;
  ChildPlugins plugins_{clock_, 1 << 20};
  std::atomic<uint32_t> done_{0}, errors_{0};
  std::unique_ptr<Handler> handler_;
};

INSTANTIATE_TEST_SUITE_P(BothModes, InstanceServicesTest,
                         testing::Values(Mode::kInProcess, Mode::kChild),
                         [](const auto& info) {
                           return info.param == Mode::kChild ? "Child"
                                                             : "InProcess";
                         });

TEST_P(InstanceServicesTest, TicksOnTheWorkerAndCountsWhatFails) {
  Create("{}");
  EXPECT_EQ(handler_->TickInterval(), absl::Milliseconds(20));
  EXPECT_TRUE(handler_->Tick());
  EXPECT_TRUE(handler_->Tick());
  EXPECT_THAT(events(), ElementsAre("tick worker 0", "tick worker 0"));
  EXPECT_EQ(plugins_.services().counts().ticks, 2u);
  EXPECT_EQ(plugins_.services().counts().tick_errors, 1u);
}

TEST_P(InstanceServicesTest, TellsAPluginOfItsLosses) {
  Create("{}");
  handler_->TellLosses({.dropped_policy = 1,
                        .dropped_full = 2,
                        .dropped_not_running = 3,
                        .dropped_quarantined = 4,
                        .lost_in_crash = 5,
                        .discarded_on_unload = 6});
  handler_->Tick();
  handler_->TellLosses({.dropped_policy = 1,
                        .dropped_full = 9,
                        .dropped_not_running = 3,
                        .dropped_quarantined = 4,
                        .lost_in_crash = 5,
                        .discarded_on_unload = 6});
  handler_->Tick();
  EXPECT_THAT(events(), ElementsAre("tick worker 21", "tick worker 7"));
}

TEST_P(InstanceServicesTest, TellsHowLongAMessageMayTake) {
  Create("{}");
  Handle(2);
  EXPECT_THAT(events(), ElementsAre("message  3599", "message  3599"));
}

TEST_P(InstanceServicesTest, AsksAMessageBackThatIsPastItsSoftDeadline) {
  Create("{\"waits\": 1}", absl::Milliseconds(1));
  Handle(1);
  EXPECT_THAT(events(), ElementsAre("message  3599"));
}

TEST_P(InstanceServicesTest, AsksAMessageBackThatSomebodyWaitsFor) {
  Create("{\"keeps, waits\": 1}", absl::Hours(1));
  std::thread worker([&] { Handle(1); });
  // Before or after it looks: it stays asked for.
  handler_->AskToStop(true);
  worker.join();
  handler_->AskToStop(false);
  EXPECT_EQ(done_, 1u);
}

TEST_P(InstanceServicesTest, ShowsWhatAPluginMeasuresAndRefusesWhatIsLate) {
  Create("{\"measures\": 1}");
  Handle(3, 9);  // 9, 10, 11
  const std::vector<PluginMetric> metrics =
      plugins_.services().metrics().Read();
  ASSERT_THAT(metrics, SizeIs(3));
  EXPECT_EQ(metrics[0].name, "weir_plugin_x_last");
  EXPECT_EQ(metrics[0].gauge, -11);
  EXPECT_EQ(metrics[1].name, "weir_plugin_x_messages_total");
  EXPECT_EQ(metrics[1].counter, 33u);
  EXPECT_EQ(metrics[2].name, "weir_plugin_x_numbers");
  EXPECT_THAT(metrics[2].counts, ElementsAre(0, 2, 1));
  EXPECT_EQ(metrics[2].sum, 30u);
  EXPECT_EQ(plugins_.services().metrics().refused(), 3u);
}

TEST_P(InstanceServicesTest, KeepsWhatWasMeasuredByAnInstanceThatIsGone) {
  Create("{\"measures\": 1}");
  Handle(2);
  if (GetParam() == Mode::kChild) {
    handler_->Kill("test");
    Handler& killed = *handler_;
    const TestRun run = plugins_.Run(3, 1);
    while (killed.HandleMessages(run.messages, done_, errors_).alive) {
    }
  } else {
    handler_->Destroy();
  }
  handler_.reset();
  Create("{\"measures\": 1}");
  Handle(1, 3);
  for (const PluginMetric& metric : plugins_.services().metrics().Read()) {
    if (metric.name == "weir_plugin_x_messages_total") {
      EXPECT_GE(metric.counter, 33u);
    }
  }
}

TEST_P(InstanceServicesTest, KeepsBytesForThePluginOverInstances) {
  Keep({.path = dir_.path() + "/kv.db"});
  Create("{\"keeps\": 1}");
  Handle(4);
  handler_->Destroy();
  handler_.reset();
  Create("{\"keeps\": 1}");
  Handle(1, 5);
  std::vector<std::string> kept;
  for (const Event& event : plugins_.heard().events()) {
    if (event.type == "kept") kept.push_back(event.subject);
  }
  EXPECT_THAT(kept, ElementsAre("none", "1", "2", "none", "4"))
      << "it erases at 3";
  // What it has put, it finds, however close the two are to each other.
  for (uint64_t seq = 100; seq < 400; ++seq) {
    Handle(1, seq);
    const std::vector<Event> all = plugins_.heard().events();
    ASSERT_EQ(all[all.size() - 2].subject, seq == 100 ? "5"
                                           : (seq - 1) % 3 == 0
                                               ? "none"
                                               : absl::StrCat(seq - 1));
  }
  EXPECT_EQ(store_->counts("x").refused, 0u);
}

TEST_P(InstanceServicesTest, TellsAPluginThatKeepsTooMuch) {
  Keep({.path = dir_.path() + "/kv.db",
        .max_plugin_bytes = uint64_t{3} << 20,
        .max_waiting_bytes = size_t{100} << 20});
  Create("{\"floods\": 1}");
  Handle(1);
  EXPECT_THAT(events()[0], testing::StartsWith("flooded not kept"));
  EXPECT_EQ(store_->counts("x").changes, 2u) << "and their keys";
  EXPECT_GE(store_->counts("x").refused, 1u);
  EXPECT_EQ(done_, 1u) << "and it goes on";
}

TEST_P(InstanceServicesTest, FlushesToTheDisk) {
  Keep({.path = dir_.path() + "/kv.db",
        .write_every = absl::InfiniteDuration()});
  Create("{\"flushes\": 1}");
  Handle(1);
  EXPECT_EQ(events()[0], "flushed kept ");
}

TEST_P(InstanceServicesTest, HasNowhereToKeepAnythingWithoutAStore) {
  Create("{\"keeps, flushes\": 1}");
  Handle(1);
  EXPECT_EQ(events()[0], "kept none ");
  EXPECT_EQ(events()[1], "flushed not kept ");
}

TEST_P(InstanceServicesTest, TellsADirectoryOfThePluginsOwn) {
  data_dir_ = dir_.path();
  Create("{\"finds\": 1}");
  Handle(1);
  EXPECT_EQ(events()[0], absl::StrCat("found ", dir_.path(), " "));
}

TEST_P(InstanceServicesTest, HearsHowAPluginDoes) {
  Create("{\"reports\": 1}");
  const auto health = [this] {
    return GetParam() == Mode::kChild
               ? static_cast<ChildHandler&>(*handler_).health()
               : static_cast<InProcessHandler&>(*handler_).health();
  };
  EXPECT_FALSE(health().degraded);
  Handle(1);
  EXPECT_TRUE(health().degraded);
  EXPECT_EQ(health().text, "the feed is a day old");
  Handle(1, 2);
  EXPECT_FALSE(health().degraded);
}

TEST_P(InstanceServicesTest, HandsItsStateToAnotherInstance) {
  for (const char* const how : {"{}", "{\"large\": 1}"}) {
    Create(how);
    EXPECT_TRUE(handler_->HasState());
    Handle(3);
    const absl::StatusOr<std::string> state = handler_->SaveState();
    ASSERT_THAT(state, IsOk());
    Handle(1, 4);  // It may go on.
    handler_->Destroy();
    handler_.reset();
    Create(how);
    ASSERT_THAT(handler_->LoadState(*state), IsOk());
    ASSERT_THAT(handler_->LoadState(*state), IsOk()) << "and once more";
    EXPECT_EQ(events().back(), absl::StrCat("loaded 3 ", state->size()));
    EXPECT_EQ(handler_->SaveState().value(), *state);
    handler_->Destroy();
    handler_.reset();
  }
}

TEST_P(InstanceServicesTest, SaysWhyAPluginHandsNothingOver) {
  Create("{\"mute, deaf\": 1}");
  EXPECT_THAT(handler_->SaveState().status(),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       testing::HasSubstr("save_state: nothing to say")));
  EXPECT_THAT(handler_->LoadState("3 "),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       testing::HasSubstr("load_state: status -3")));
  Handle(1);
  EXPECT_EQ(done_, 1u) << "it goes on";
}

TEST(InstanceServicesChildTest, KillsAChildThatDoesNotComeBackFromSaving) {
  SystemClock clock;
  ChildPlugins plugins(clock, 0);
  const auto handler = plugins.Make({.module = FixturePath("serves"),
                                     .config_json = "{\"hangs\": 1}",
                                     .state_deadline = absl::Milliseconds(50)});
  ASSERT_THAT(handler->Create(), IsOk());
  EXPECT_THAT(handler->SaveState().status(),
              StatusIs(absl::StatusCode::kAborted,
                       testing::HasSubstr("answer deadline")));
  EXPECT_EQ(handler->pid(), 0);
}

}  // namespace
}  // namespace weir
