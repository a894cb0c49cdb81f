// What a plugin is lent beside emit, log and names, in both isolation modes.
#include "host/plugin/instance_services.h"

#include <dlfcn.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/pipeline/event.h"
#include "host/pipeline/handler.h"
#include "host/pipeline/losses.h"
#include "host/plugin/in_process_handler.h"
#include "host/plugin/plugin_table.h"
#include "host/sync/system_clock.h"
#include "tests/support/child_plugin.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using testing::ElementsAre;

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
                     .hard_ns = absl::ToInt64Nanoseconds(absl::Hours(1))});
    }
    ASSERT_THAT(handler_->Create(), IsOk());
  }

  void Handle(size_t n) {
    const TestRun run = plugins_.Run(1, n);
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
  }

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
  EXPECT_THAT(events(), ElementsAre("message  3599", "returned  "));
}

TEST_P(InstanceServicesTest, AsksAMessageBackThatSomebodyWaitsFor) {
  Create("{\"waits\": 1}", absl::Hours(1));
  std::thread worker([&] { Handle(1); });
  plugins_.heard().AwaitEvents(1);
  handler_->AskToStop(true);
  worker.join();
  EXPECT_THAT(events(), ElementsAre("message  3599", "returned  "));
}

}  // namespace
}  // namespace weir
