// The state of a plugin goes from instance to instance while messages flow:
// none is lost, none comes twice, and each finds what was known before it.
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "host/control/plugin_operation.h"
#include "host/dispatch/dispatcher.h"
#include "host/pipeline/handler.h"
#include "host/pipeline/message.h"
#include "host/plugin/desired_state.h"
#include "host/plugin/instance_maker.h"
#include "host/plugin/plugin_machine.h"
#include "host/sync/system_clock.h"
#include "tests/fakes/fake_event_sink.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_messages.h"

namespace weir {
namespace {

// What all instances together found.
struct Findings {
  std::atomic<uint64_t> last{0};
  std::atomic<uint64_t> out_of_order{0};
  std::atomic<int> begun_cold{0};  // Instances with messages and no state.
  std::atomic<bool> may_fail{true};
};

// Knows the number of the last message; that is its state.
class Follows final : public Handler {
 public:
  Follows(Findings& findings, int number)
      : findings_(findings),
        refuses_(number % 7 == 0),
        save_fails_(number % 5 == 0) {}

  absl::Status Create() override { return absl::OkStatus(); }
  int64_t QueueCapacity() override { return 512; }
  bool WantsMessage(absl::string_view type) override {
    return type == "UPDATE";
  }
  RunOutcome HandleMessages(absl::Span<const Message* const> messages,
                            std::atomic<uint32_t>& done,
                            std::atomic<uint32_t>&) override {
    for (const Message* message : messages) {
      if (last_ == 0 && message->view.seq != 1) ++findings_.begun_cold;
      if (message->view.seq != last_ + 1) ++findings_.out_of_order;
      last_ = message->view.seq;
      findings_.last = last_;
      done.fetch_add(1, std::memory_order_release);
    }
    return {};
  }
  bool HasState() const override { return true; }
  absl::StatusOr<std::string> SaveState() override {
    if (save_fails_ && findings_.may_fail) {
      save_fails_ = false;
      return absl::FailedPreconditionError("not now");
    }
    return absl::StrCat(last_);
  }
  absl::Status LoadState(absl::string_view state) override {
    if (refuses_ && findings_.may_fail) {
      return absl::FailedPreconditionError("cannot read that");
    }
    return absl::SimpleAtoi(state, &last_)
               ? absl::OkStatus()
               : absl::FailedPreconditionError("no number");
  }
  void Destroy() override {}

 private:
  Findings& findings_;
  const bool refuses_;
  bool save_fails_;
  uint64_t last_ = 0;
};

class FollowsMaker final : public InstanceMaker {
 public:
  explicit FollowsMaker(Findings& findings) : findings_(findings) {}
  absl::StatusOr<MadeInstance> Make(
      const PluginSlotSpec&, uint64_t, absl::string_view,
      std::shared_ptr<PluginHostServices>) override {
    MadeInstance made;
    made.sha256 = absl::StrCat(++made_);
    made.handler = std::make_shared<Follows>(findings_, made_);
    return made;
  }

  absl::StatusOr<std::shared_ptr<Trial>> MakeTrial(const PluginSlotSpec&,
                                                   absl::string_view) override {
    return absl::UnimplementedError("MakeTrial");
  }

  absl::StatusOr<ModuleFacts> Look(const PluginSlotSpec&,
                                   absl::string_view) override {
    return absl::UnimplementedError("Look");
  }

 private:
  Findings& findings_;
  int made_ = 0;
};

// Has something running beside its messages, from a look on until it rests.
struct Running {
  std::atomic<int> now{0}, most{0}, begun{0};
};

class Loops final : public Handler {
 public:
  Loops(Running& running, bool has_state)
      : running_(running), has_state_(has_state) {}
  absl::Status Create() override { return absl::OkStatus(); }
  int64_t QueueCapacity() override { return 512; }
  bool WantsMessage(absl::string_view) override { return true; }
  RunOutcome HandleMessages(absl::Span<const Message* const> messages,
                            std::atomic<uint32_t>& done,
                            std::atomic<uint32_t>&) override {
    done = static_cast<uint32_t>(messages.size());
    return {};
  }
  absl::Duration LookInterval() override { return absl::Milliseconds(1); }
  bool Look() override {
    if (!runs_) {
      const int now = ++running_.now;
      if (now > running_.most) running_.most = now;
      ++running_.begun;
    }
    runs_ = true;
    return true;
  }
  bool HasCompanions() const override { return true; }
  void Rest() override {
    if (runs_) --running_.now;
    runs_ = false;
  }
  bool HasState() const override { return has_state_; }
  absl::StatusOr<std::string> SaveState() override {
    EXPECT_FALSE(runs_) << "it rests before it saves";
    return std::string();
  }
  absl::Status LoadState(absl::string_view) override {
    return absl::OkStatus();
  }
  void Destroy() override { Rest(); }

 private:
  Running& running_;
  const bool has_state_;
  bool runs_ = false;
};

class LoopsMaker final : public InstanceMaker {
 public:
  explicit LoopsMaker(Running& running) : running_(running) {}
  absl::StatusOr<MadeInstance> Make(
      const PluginSlotSpec&, uint64_t, absl::string_view,
      std::shared_ptr<PluginHostServices>) override {
    MadeInstance made;
    made.sha256 = absl::StrCat(++made_);
    made.handler = std::make_shared<Loops>(running_, made_ % 2 == 0);
    return made;
  }
  absl::StatusOr<std::shared_ptr<Trial>> MakeTrial(const PluginSlotSpec&,
                                                   absl::string_view) override {
    return absl::UnimplementedError("MakeTrial");
  }
  absl::StatusOr<ModuleFacts> Look(const PluginSlotSpec&,
                                   absl::string_view) override {
    return absl::UnimplementedError("Look");
  }

 private:
  Running& running_;
  int made_ = 0;
};

TEST(PluginHandOverTest, HasNeverTwoInstancesWithLoops) {
  constexpr int kExchanges = 40;
  TestTables tables;
  SystemClock clock;
  Running running;
  Dispatcher dispatcher(tables.types, tables.sources, tables.pool, clock);
  LoopsMaker maker(running);
  FakeEventSink sink;
  PluginSlotSpec spec;
  spec.id = "x";
  spec.module = "x.so";
  PluginMachine machine(
      spec,
      PluginSurroundings{dispatcher, maker, sink, tables.types, tables.sources,
                         clock,
                         [](Severity, absl::string_view, absl::string_view) {},
                         [](absl::string_view, const DesiredState&) {
                           return absl::OkStatus();
                         },
                         [](absl::string_view) {}},
      [](uint64_t) { FAIL() << "no instance dies"; });
  machine.Begin({});
  for (int i = 0; i < kExchanges; ++i) {
    // Each begins where it has the turn, also one that comes back to it.
    while (running.begun <= i) std::this_thread::yield();
    PluginOperation operation;
    operation.name = "plugins/x";
    operation.kind = i % 3 == 0   ? PluginOperation::Kind::kReload
                     : i % 3 == 1 ? PluginOperation::Kind::kUpgrade
                                  : PluginOperation::Kind::kRollback;
    operation.cold = i % 4 == 0;
    EXPECT_THAT(machine.Do(operation), IsOk());
  }
  while (running.begun <= kExchanges) std::this_thread::yield();
  EXPECT_EQ(running.now, 1);
  EXPECT_EQ(running.most, 1);
  machine.End();
  EXPECT_EQ(running.now, 0);
}

TEST(PluginHandOverTest, LosesNothingOverAHundredExchangesWhileMessagesFlow) {
  constexpr int kExchanges = 100;
  TestTables tables;
  SystemClock clock;
  Findings findings;
  Dispatcher dispatcher(tables.types, tables.sources, tables.pool, clock);
  FollowsMaker maker(findings);
  FakeEventSink sink;
  PluginSlotSpec spec;
  spec.id = "x";
  spec.module = "x.so";
  spec.options.policy = QueuePolicy::kBlock;
  PluginMachine machine(
      spec,
      PluginSurroundings{dispatcher, maker, sink, tables.types, tables.sources,
                         clock,
                         [](Severity, absl::string_view, absl::string_view) {},
                         [](absl::string_view, const DesiredState&) {
                           return absl::OkStatus();
                         },
                         [](absl::string_view) {}},
      [](uint64_t) { FAIL() << "no instance dies"; });
  machine.Begin({});

  std::atomic<bool> stop{false};
  std::atomic<uint64_t> sent{0};
  std::thread source([&] {
    TestWriter writer(tables);
    while (!stop) {
      dispatcher.Dispatch(writer.Updates(32));
      sent = writer.next_seq() - 1;
    }
  });
  int refused = 0;
  for (int i = 0; i < kExchanges; ++i) {
    // So that there is something to hand over.
    const uint64_t before = findings.last;
    while (findings.last == before) std::this_thread::yield();
    PluginOperation operation;
    operation.name = "plugins/x";
    operation.kind = i % 3 == 0   ? PluginOperation::Kind::kReload
                     : i % 3 == 1 ? PluginOperation::Kind::kUpgrade
                                  : PluginOperation::Kind::kRollback;
    // A rollback goes back to what was known, if nothing is handed over.
    findings.may_fail = operation.kind != PluginOperation::Kind::kRollback;
    refused += machine.Do(operation).ok() ? 0 : 1;
  }
  stop = true;
  source.join();
  while (findings.last < sent) std::this_thread::yield();
  EXPECT_EQ(findings.out_of_order, 0u);
  EXPECT_EQ(findings.begun_cold, 0);
  EXPECT_GT(refused, 0) << "some do not save, and some do not load";
  EXPECT_LT(refused, kExchanges);
  machine.End();
  EXPECT_EQ(machine.stats().handler.books.processed_ok, sent);
  EXPECT_TRUE(machine.stats().handler.books.Balance());
}

}  // namespace
}  // namespace weir
