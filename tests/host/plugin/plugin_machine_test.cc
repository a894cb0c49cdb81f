#include "host/plugin/plugin_machine.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/status/error_info.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_event_sink.h"
#include "tests/fakes/fake_handler_registry.h"
#include "tests/fakes/fake_instance_maker.h"
#include "tests/fakes/fake_poison_keeper.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using State = PluginStatus::State;
using Condition = PluginStatus::Condition;
using Kind = PluginOperation::Kind;
using Intake = HandlerSlot::Intake;

// A machine that the test leads by hand, as its thread would.
class PluginMachineTest : public testing::Test {
 protected:
  PluginMachineTest() {
    InternWellKnownTypes(types_);
    spec_.id = "x";
    spec_.module = "x.so";
    spec_.path = "/plugins/x.so";
    spec_.options.max_crashes = 3;
  }

  void Make(const DesiredState& desired = {}) {
    machine_ = std::make_unique<PluginMachine>(
        spec_,
        PluginSurroundings{
            registry_, maker_, sink_, types_, sources_, clock_,
            [](Severity, absl::string_view, absl::string_view) {},
            [this](absl::string_view, const DesiredState& state) {
              kept_ = state;
              return absl::OkStatus();
            },
            [](absl::string_view) {}, &poisons_},
        [this](uint64_t generation) { gone_.push_back(generation); });
    machine_->Begin(desired);
  }
  absl::StatusOr<PluginOutcome> Do(PluginOperation operation) {
    operation.name = "plugins/x";
    operation.actor = "operator:test";
    return machine_->Do(operation);
  }
  absl::StatusOr<PluginOutcome> Do(Kind kind) {
    PluginOperation operation;
    operation.kind = kind;
    return Do(operation);
  }
  // The child dies, and its thread learns of it.
  void Crash() {
    maker_.set_dead(machine_->status().generation);
    slot().Die();
    ASSERT_FALSE(gone_.empty());
    machine_->InstanceGone(gone_.back());
  }
  static std::string ReasonOf(const absl::Status& status) {
    const std::optional<ErrorInfo> info = GetErrorInfo(status);
    return info.has_value() ? info->reason : status.ToString();
  }
  State state() const { return machine_->status().state; }
  FakeHandlerSlot& slot() { return registry_.slot("x"); }

  FakeClock clock_;
  FakeEventSink sink_;
  FakeHandlerRegistry registry_;
  FakeInstanceMaker maker_;
  FakePoisonKeeper poisons_;
  NameTable types_, sources_;
  PluginSlotSpec spec_;
  DesiredState kept_;
  std::vector<uint64_t> gone_;
  std::unique_ptr<PluginMachine> machine_;
};

TEST_F(PluginMachineTest, RestartsAPluginThatCrashedAtOnceWithTheSameCode) {
  maker_.set_in_child(true);
  Make();
  EXPECT_EQ(machine_->status().pid, 4711);
  maker_.PutFile("bb");
  Crash();
  EXPECT_EQ(state(), State::kRunning);
  EXPECT_EQ(machine_->status().restart_count, 1u);
  EXPECT_EQ(machine_->status().generation, 2u);
  EXPECT_THAT(maker_.asked(), ElementsAre("1 ", "2 aa"))
      << "not with what lies in the folder by now";
  EXPECT_EQ(slot().intake(), Intake::kQueue);
  std::vector<std::string> crashes;
  for (const Event& event : sink_.events()) {
    if (event.type == "weir.plugin.crashed") crashes.push_back(event.json);
  }
  ASSERT_EQ(crashes.size(), 1u);
  EXPECT_THAT(crashes[0], HasSubstr(R"("cause":"SIGSEGV")"));
  EXPECT_THAT(crashes[0], HasSubstr(R"("message_sequence":7)"));
  EXPECT_THAT(crashes[0], HasSubstr(R"("frames":["x.so+0x1 Act+0x1"])"));
}

TEST_F(PluginMachineTest, WaitsBeforeTheSecondRestartAndQueuesMeanwhile) {
  maker_.set_in_child(true);
  Make();
  Crash();
  Crash();
  EXPECT_EQ(state(), State::kFailed);
  EXPECT_THAT(machine_->status().error, HasSubstr("SIGSEGV"));
  EXPECT_EQ(slot().intake(), Intake::kQueue);
  EXPECT_EQ(machine_->status().next_restart_time, machine_->next_due());
  EXPECT_GT(machine_->next_due(), clock_.Now());
  machine_->Due();
  EXPECT_EQ(state(), State::kFailed) << "not yet";
  clock_.Advance(machine_->next_due() - clock_.Now());
  machine_->Due();
  EXPECT_EQ(state(), State::kRunning);
  EXPECT_EQ(machine_->next_due(), absl::InfiniteFuture());
}

TEST_F(PluginMachineTest, FailsAfterTooManyErrorsAndTellsOfNoCrash) {
  spec_.options.max_consecutive_errors = 4;
  maker_.set_in_child(true);
  maker_.set_death({.cause = "4 consecutive errors", .gave_up = true});
  Make();
  EXPECT_EQ(machine_->status().max_consecutive_errors, 4u);
  Crash();
  EXPECT_EQ(state(), State::kRunning) << "the first restart is at once";
  Crash();
  EXPECT_EQ(state(), State::kFailed);
  EXPECT_EQ(machine_->status().error, "4 consecutive errors");
  EXPECT_LT(machine_->next_due(), absl::InfiniteFuture());
  EXPECT_EQ(machine_->stats().crashes, 0u);
  EXPECT_EQ(machine_->stats().restarts, 1u);
  for (const Event& event : sink_.events()) {
    EXPECT_NE(event.type, "weir.plugin.crashed");
  }
  EXPECT_EQ(machine_->status().poison_count, 0u);
}

TEST_F(PluginMachineTest, AsksForRedeliveryIfItsSettingsDo) {
  Make();
  EXPECT_FALSE(slot().options().redeliver_once);
  machine_.reset();
  spec_.options.redeliver_once = true;
  Make();
  EXPECT_TRUE(slot().options().redeliver_once);
  EXPECT_TRUE(machine_->status().redeliver_once);
}

TEST_F(PluginMachineTest, RunsInAChildTheCodeThatTookTheHostDown) {
  spec_.options.isolation = PluginStatus::Isolation::kInProcess;
  DesiredState desired;
  desired.Demote({.sha256 = "aa", .reason = "SIGSEGV in message 7"});
  Make(desired);
  EXPECT_EQ(machine_->status().isolation, PluginStatus::Isolation::kChild);
  EXPECT_EQ(machine_->status().demotion, "SIGSEGV in message 7");
  EXPECT_THAT(machine_->status().conditions, Contains(Condition::kDemoted));

  maker_.PutFile("bb");
  ASSERT_TRUE(Do(Kind::kUpgrade).ok());
  EXPECT_EQ(machine_->status().isolation, PluginStatus::Isolation::kInProcess)
      << "other code has done nothing yet";
  EXPECT_EQ(machine_->status().demotion, "");
  EXPECT_THAT(machine_->status().conditions,
              Not(Contains(Condition::kDemoted)));

  ASSERT_TRUE(Do(Kind::kRollback).ok());
  EXPECT_EQ(machine_->status().isolation, PluginStatus::Isolation::kChild)
      << "the code of before is as it was";
  EXPECT_THAT(machine_->status().conditions, Contains(Condition::kDemoted));
}

TEST_F(PluginMachineTest, SaysNothingOfADemotionThatChangesNothing) {
  spec_.options.isolation = PluginStatus::Isolation::kChild;
  DesiredState desired;
  desired.Demote({.sha256 = "aa", .reason = "SIGSEGV in message 7"});
  Make(desired);
  EXPECT_EQ(machine_->status().demotion, "");
  EXPECT_THAT(machine_->status().conditions,
              Not(Contains(Condition::kDemoted)));
}

TEST_F(PluginMachineTest, EndsADemotionAtARelease) {
  spec_.options.isolation = PluginStatus::Isolation::kInProcess;
  DesiredState desired;
  desired.Demote({.sha256 = "aa", .reason = "SIGSEGV in message 7"});
  Make(desired);
  const uint64_t generation = machine_->status().generation;
  ASSERT_TRUE(Do(Kind::kRelease).ok());
  EXPECT_THAT(kept_.demotions, IsEmpty()) << "also at the next start";
  EXPECT_EQ(state(), State::kRunning);
  EXPECT_EQ(machine_->status().generation, generation) << "it is left alone";
  EXPECT_EQ(machine_->status().isolation, PluginStatus::Isolation::kChild);
  EXPECT_FALSE(Do(Kind::kRelease).ok()) << "there is nothing left to end";
  ASSERT_TRUE(Do(Kind::kReload).ok());
  EXPECT_EQ(machine_->status().isolation, PluginStatus::Isolation::kInProcess);
  EXPECT_THAT(machine_->status().conditions,
              Not(Contains(Condition::kDemoted)));
}

TEST_F(PluginMachineTest, AReleaseFromQuarantineLeavesTheDemotion) {
  spec_.options.isolation = PluginStatus::Isolation::kInProcess;
  DesiredState desired;
  desired.Demote({.sha256 = "aa", .reason = "SIGSEGV in message 7"});
  Make(desired);
  ASSERT_TRUE(Do(Kind::kQuarantine).ok());
  ASSERT_TRUE(Do(Kind::kRelease).ok());
  ASSERT_TRUE(Do(Kind::kLoad).ok());
  EXPECT_EQ(machine_->status().isolation, PluginStatus::Isolation::kChild);
  EXPECT_EQ(kept_.demotions.size(), 1u);
}

TEST_F(PluginMachineTest, CountsTheTimeOfAllOfItsChildren) {
  maker_.set_in_child(true);
  Make();
  maker_.set_child_usage(1, 10, 100);
  EXPECT_EQ(machine_->stats().child_cpu_seconds, 10);
  EXPECT_EQ(machine_->stats().memory_bytes, 100u);
  maker_.PutFile("bb");
  ASSERT_TRUE(Do(Kind::kUpgrade).ok());
  maker_.set_child_usage(2, 1, 7);
  EXPECT_EQ(machine_->stats().child_cpu_seconds, 11)
      << "the one that waits has had its time";
  EXPECT_EQ(machine_->stats().memory_bytes, 107u);
  clock_.Advance(spec_.options.probation_time);
  machine_->Due();
  EXPECT_EQ(machine_->stats().child_cpu_seconds, 11) << "and still has";
  EXPECT_EQ(machine_->stats().memory_bytes, 7u);
  Crash();
  EXPECT_EQ(machine_->stats().child_cpu_seconds, 11);
}

TEST_F(PluginMachineTest, KeepsTheMessageThatItDiedOf) {
  maker_.set_in_child(true);
  Make();
  EXPECT_EQ(machine_->status().poison_count, 0u);
  Crash();
  EXPECT_EQ(state(), State::kRunning);
  EXPECT_EQ(machine_->status().poison_count, 1u);
  const auto poison = poisons_.Get("plugins/x", 1);
  ASSERT_TRUE(poison.ok());
  EXPECT_EQ(poison->plugin_sha256, "aa");
  EXPECT_EQ(poison->generation, 1u);
  EXPECT_EQ(poison->type, "UPDATE");
  EXPECT_EQ(poison->source, "sources/OTHER");
  EXPECT_EQ(poison->cause, "SIGSEGV");
  EXPECT_EQ(poison->message.seq, 7u);
  EXPECT_THAT(poison->frames, ElementsAre("x.so+0x1 Act+0x1"));
  machine_.reset();
  Make();
  EXPECT_EQ(machine_->status().poison_count, 1u) << "also the next time";
}

TEST_F(PluginMachineTest, KeepsTheMessageOfAHangThatItCanOnlyAbandon) {
  Make();
  MessageCopy message;
  message.type_id = kTypeState;
  message.seq = 12;
  slot().set_in_flight(message);
  slot().Change([](HandlerStats& stats) { stats.busy_for = absl::Hours(1); });
  machine_->Watch();
  const auto poison = poisons_.Get("plugins/x", 1);
  ASSERT_TRUE(poison.ok());
  EXPECT_EQ(poison->type, "STATE");
  EXPECT_EQ(poison->message.seq, 12u);
  EXPECT_EQ(poison->cause, "hard deadline");
}

TEST_F(PluginMachineTest, QuarantinesAtTheThirdDeathOfLikeMessages) {
  maker_.set_in_child(true);
  spec_.options.max_crashes = 50;
  Make();
  for (int i = 0; i < 2; ++i) {
    Crash();
    clock_.Advance(absl::Minutes(20));
    machine_->Due();
    EXPECT_EQ(state(), State::kRunning);
  }
  Crash();
  EXPECT_EQ(state(), State::kQuarantined);
  EXPECT_THAT(machine_->status().error,
              HasSubstr("3 crashes of messages with one fingerprint, " +
                        poisons_.Get("plugins/x", 1)->fingerprint));
  EXPECT_EQ(machine_->status().poison_count, 3u);

  ASSERT_TRUE(Do(Kind::kRelease).ok());
  ASSERT_TRUE(Do(Kind::kLoad).ok());
  Crash();
  EXPECT_EQ(state(), State::kRunning) << "an operator begins the count anew";
}

TEST_F(PluginMachineTest, NeverQuarantinesWhatMayCrashAnyNumberOfTimes) {
  maker_.set_in_child(true);
  spec_.options.max_crashes = 0;
  Make();
  for (int i = 0; i < 10; ++i) {
    Crash();
    clock_.Advance(absl::Minutes(1));
    machine_->Due();
    EXPECT_EQ(state(), State::kRunning);
  }
}

TEST_F(PluginMachineTest, QuarantinesWhatCrashesTooOftenAndKeepsThat) {
  maker_.set_in_child(true);
  Make();
  for (int i = 0; i < 4; ++i) {
    maker_.set_death_type(static_cast<uint16_t>(kTypeUpdate + i));
    Crash();
    clock_.Advance(absl::Seconds(1));
    machine_->Due();
  }
  EXPECT_EQ(state(), State::kQuarantined);
  EXPECT_EQ(slot().intake(), Intake::kQuarantined);
  EXPECT_EQ(slot().instances(), 0u);
  ASSERT_TRUE(kept_.quarantine.has_value());
  EXPECT_EQ(kept_.quarantine->sha256, "aa");
  EXPECT_THAT(kept_.quarantine->reason, HasSubstr("4 crashes in 10 min"));
  EXPECT_EQ(ReasonOf(Do(Kind::kLoad).status()), "PLUGIN_QUARANTINED");

  machine_.reset();
  Make(kept_);
  EXPECT_EQ(state(), State::kQuarantined) << "a restart does not end it";
  EXPECT_EQ(ReasonOf(Do(Kind::kUpgrade).status()), "PLUGIN_DIGEST_MISMATCH")
      << "the same code";
  EXPECT_EQ(state(), State::kQuarantined);
  maker_.PutFile("bb");
  ASSERT_TRUE(Do(Kind::kUpgrade).ok());
  EXPECT_EQ(state(), State::kRunning);
  EXPECT_FALSE(kept_.quarantine.has_value());
}

TEST_F(PluginMachineTest, ReleasesToStopped) {
  Make();
  ASSERT_TRUE(Do(Kind::kQuarantine).ok());
  EXPECT_EQ(state(), State::kQuarantined);
  ASSERT_TRUE(Do(Kind::kRelease).ok());
  EXPECT_EQ(state(), State::kStopped);
  EXPECT_EQ(slot().intake(), Intake::kNotRunning);
  ASSERT_TRUE(Do(Kind::kLoad).ok());
  EXPECT_EQ(state(), State::kRunning);
}

TEST_F(PluginMachineTest, StartsNoPluginAgainThatSaysWhatItNeeds) {
  FakeHandlerScript script;
  script.create_status = absl::InvalidArgumentError("config: no \"peer\"");
  maker_.set_script(script);
  Make();
  EXPECT_EQ(state(), State::kFailed);
  EXPECT_THAT(machine_->status().error, HasSubstr("no \"peer\""));
  EXPECT_EQ(machine_->next_due(), absl::InfiniteFuture());
  EXPECT_EQ(slot().intake(), Intake::kNotRunning);
  maker_.set_script({});
  ASSERT_TRUE(Do(Kind::kReload).ok());
  EXPECT_EQ(state(), State::kRunning);
}

TEST_F(PluginMachineTest, StartsOneAgainThatWasNotReadyInTime) {
  FakeHandlerScript script;
  script.create_status = absl::DeadlineExceededError("not ready after 10s");
  maker_.set_script(script);
  Make();
  EXPECT_EQ(state(), State::kFailed);
  EXPECT_LT(machine_->next_due(), absl::InfiniteFuture());
  maker_.set_script({});
  clock_.Advance(absl::Minutes(1));
  machine_->Due();
  EXPECT_EQ(state(), State::kRunning);
}

TEST_F(PluginMachineTest, KeepsTheOldInstanceUntilTheNewOnePassedItsProbation) {
  Make();
  maker_.PutFile("bb");
  const auto upgraded = Do(Kind::kUpgrade);
  ASSERT_TRUE(upgraded.ok()) << upgraded.status();
  EXPECT_EQ(upgraded->status.sha256, "bb");
  EXPECT_EQ(upgraded->status.generation, 2u);
  EXPECT_EQ(upgraded->status.previous_sha256, "aa");
  EXPECT_THAT(upgraded->status.conditions, Contains(Condition::kOnProbation));
  EXPECT_EQ(slot().instances(), 2u);
  clock_.Advance(spec_.options.probation_time);
  machine_->Due();
  EXPECT_EQ(slot().instances(), 1u);
  EXPECT_THAT(machine_->status().conditions,
              Not(Contains(Condition::kOnProbation)));
}

TEST_F(PluginMachineTest, EndsTheProbationAfterEnoughMessages) {
  Make();
  ASSERT_TRUE(Do(Kind::kUpgrade).ok());
  slot().Change([](HandlerStats& stats) { stats.books.processed_ok = 9'999; });
  machine_->Watch();
  EXPECT_EQ(slot().instances(), 2u);
  slot().Change([](HandlerStats& stats) { ++stats.books.processed_error; });
  machine_->Watch();
  EXPECT_EQ(slot().instances(), 1u);
}

TEST_F(PluginMachineTest, FallsBackByItselfIfTheNewCodeCrashesOnProbation) {
  maker_.set_in_child(true);
  Make();
  maker_.PutFile("bb");
  ASSERT_TRUE(Do(Kind::kUpgrade).ok());
  Crash();
  EXPECT_EQ(state(), State::kRunning);
  EXPECT_EQ(machine_->status().sha256, "aa");
  EXPECT_EQ(slot().instances_made(), 2u) << "the one that waited";
  EXPECT_EQ(slot().instances(), 1u);
  EXPECT_THAT(machine_->status().conditions, Contains(Condition::kRolledBack));
  EXPECT_EQ(kept_.pinned_sha256, "aa")
      << "a restart of the host must not bring the bad one back";
}

TEST_F(PluginMachineTest, RollsBackWhenToldDuringAndAfterTheProbation) {
  for (const bool during : {true, false}) {
    machine_.reset();
    maker_.PutFile("aa");
    Make();
    maker_.PutFile("bb");
    ASSERT_TRUE(Do(Kind::kUpgrade).ok());
    if (!during) {
      clock_.Advance(absl::Hours(1));
      machine_->Due();
    }
    const auto rolled = Do(Kind::kRollback);
    ASSERT_TRUE(rolled.ok()) << rolled.status();
    EXPECT_EQ(rolled->status.sha256, "aa") << during;
    EXPECT_EQ(slot().instances(), 1u);
    EXPECT_EQ(slot().instances_made(), during ? 2u : 3u);
    EXPECT_EQ(ReasonOf(Do(Kind::kRollback).status()), "PLUGIN_NO_PREVIOUS");
  }
}

TEST_F(PluginMachineTest, GoesOnWithTheOldCodeIfTheNewOneIsNoGood) {
  struct Case {
    const char* why;
    absl::Status file;
    absl::Status create;
    bool switches;
    const char* reason;
  };
  const std::vector<Case> cases = {
      {"the file",
       absl::InvalidArgumentError("x.so: elf.textrel: ..."),
       {},
       true,
       "PLUGIN_INIT_FAILED"},
      {"its digest",
       absl::FailedPreconditionError("x.so: file.sha256: ..."),
       {},
       true,
       "PLUGIN_DIGEST_MISMATCH"},
      {"its create",
       {},
       absl::FailedPreconditionError("create: no"),
       true,
       "PLUGIN_INIT_FAILED"},
      {"a message in work", {}, {}, false, "DRAIN_TIMEOUT"},
  };
  for (const Case& c : cases) {
    machine_.reset();
    maker_.set_file({});
    maker_.set_script({});
    maker_.PutFile("aa");
    Make();
    maker_.PutFile("bb");
    maker_.set_file(c.file);
    FakeHandlerScript script;
    script.create_status = c.create;
    maker_.set_script(script);
    slot().set_switches(c.switches);
    const auto upgraded = Do(Kind::kUpgrade);
    EXPECT_EQ(ReasonOf(upgraded.status()), c.reason) << c.why;
    EXPECT_EQ(state(), State::kRunning) << c.why;
    EXPECT_EQ(machine_->status().sha256, "aa") << c.why;
    EXPECT_EQ(slot().instances(), 1u) << c.why;
  }
}

TEST_F(PluginMachineTest, StaysPausedThroughReloadCrashAndRestartOfTheHost) {
  maker_.set_in_child(true);
  Make();
  ASSERT_TRUE(Do(Kind::kPause).ok());
  EXPECT_EQ(state(), State::kPaused);
  EXPECT_TRUE(slot().held());
  ASSERT_TRUE(Do(Kind::kReload).ok());
  EXPECT_EQ(state(), State::kPaused);
  Crash();
  EXPECT_EQ(state(), State::kPaused);
  EXPECT_TRUE(slot().held());
  machine_.reset();
  Make(kept_);
  EXPECT_EQ(state(), State::kPaused);
  ASSERT_TRUE(Do(Kind::kResume).ok());
  EXPECT_EQ(state(), State::kRunning);
  EXPECT_FALSE(slot().held());
  EXPECT_FALSE(kept_.paused);
}

TEST_F(PluginMachineTest, UnloadsAndStaysStoppedOverARestartOfTheHost) {
  Make();
  slot().Change([](HandlerStats& stats) { stats.books.queued = 3; });
  PluginOperation unload;
  unload.kind = Kind::kUnload;
  unload.force = true;
  const auto unloaded = Do(unload);
  ASSERT_TRUE(unloaded.ok());
  EXPECT_EQ(unloaded->discarded_messages, 3u);
  EXPECT_EQ(unloaded->status.state, State::kStopped);
  EXPECT_EQ(slot().instances(), 0u);
  EXPECT_EQ(slot().intake(), Intake::kNotRunning);
  EXPECT_TRUE(Do(Kind::kUnload).ok()) << "idempotent";
  machine_.reset();
  Make(kept_);
  EXPECT_EQ(state(), State::kStopped);
}

TEST_F(PluginMachineTest, RefusesWhatTheStateForbids) {
  struct Case {
    std::vector<Kind> before;
    Kind kind;
    const char* reason;
  };
  const std::vector<Case> cases = {
      {{}, Kind::kLoad, "PLUGIN_EXISTS"},
      {{}, Kind::kRelease, "PLUGIN_STATE"},
      {{}, Kind::kRollback, "PLUGIN_NO_PREVIOUS"},
      {{Kind::kUnload}, Kind::kPause, "PLUGIN_STATE"},
      {{Kind::kUnload}, Kind::kReload, "PLUGIN_STATE"},
      {{Kind::kUnload}, Kind::kResume, "PLUGIN_STATE"},
      {{Kind::kQuarantine}, Kind::kLoad, "PLUGIN_QUARANTINED"},
      {{Kind::kQuarantine}, Kind::kReload, "PLUGIN_QUARANTINED"},
      {{Kind::kQuarantine}, Kind::kPause, "PLUGIN_QUARANTINED"},
  };
  for (const Case& c : cases) {
    machine_.reset();
    Make();
    for (const Kind kind : c.before) ASSERT_TRUE(Do(kind).ok());
    const State before = state();
    EXPECT_EQ(ReasonOf(Do(c.kind).status()), c.reason)
        << static_cast<int>(c.kind);
    EXPECT_EQ(state(), before);
  }
}

TEST_F(PluginMachineTest, ChecksEtagAndDeadlineAndChangesNothingToValidate) {
  Make();
  PluginOperation pause;
  pause.kind = Kind::kPause;
  pause.etag = "stale";
  EXPECT_EQ(ReasonOf(Do(pause).status()), "ETAG_MISMATCH");
  pause.etag = machine_->status().etag;
  pause.deadline = clock_.Now() - absl::Seconds(1);
  EXPECT_EQ(ReasonOf(Do(pause).status()), "PLUGIN_BUSY");
  pause.deadline = absl::InfiniteFuture();
  pause.validate_only = true;
  EXPECT_TRUE(Do(pause).ok());
  EXPECT_EQ(state(), State::kRunning);
  pause.validate_only = false;
  EXPECT_TRUE(Do(pause).ok());
  EXPECT_EQ(state(), State::kPaused);
  EXPECT_EQ(ReasonOf(Do(pause).status()), "ETAG_MISMATCH") << "it changed";
}

TEST_F(PluginMachineTest, GivesUpAnInstanceThatHangsInProcess) {
  Make();
  slot().Change([](HandlerStats& stats) { stats.busy_for = absl::Seconds(2); });
  machine_->Watch();
  machine_->Watch();
  EXPECT_EQ(sink_.events().back().type, "weir.plugin.hung");
  EXPECT_EQ(state(), State::kRunning);
  slot().Change(
      [](HandlerStats& stats) { stats.busy_for = absl::Seconds(11); });
  machine_->Watch();
  EXPECT_EQ(slot().instances_made(), 2u) << "a fresh one, at once";
  EXPECT_EQ(slot().instances(), 1u);
  EXPECT_EQ(state(), State::kRunning);
}

TEST_F(PluginMachineTest, NoticesAChildThatDiedIdle) {
  maker_.set_in_child(true);
  Make();
  maker_.set_dead(1);
  machine_->Watch();
  EXPECT_EQ(machine_->status().generation, 2u);
  machine_->InstanceGone(1);
  EXPECT_EQ(machine_->status().generation, 2u) << "told twice, acted once";
}

TEST_F(PluginMachineTest, SaysWhatAPluginSaysOfHowItDoes) {
  Make();
  machine_->Watch();
  const auto told = [this] {
    std::vector<std::string> told;
    for (const Event& event : sink_.events()) {
      if (event.type == "weir.plugin.health") told.push_back(event.json);
    }
    return told;
  };
  EXPECT_THAT(told(), IsEmpty());
  maker_.health().Set({.degraded = true, .text = "the feed is old"});
  machine_->Watch();
  machine_->Watch();
  EXPECT_THAT(machine_->status().conditions, ElementsAre(Condition::kDegraded));
  EXPECT_EQ(machine_->status().health, "the feed is old");
  ASSERT_EQ(told().size(), 1u);
  EXPECT_THAT(told()[0], HasSubstr(R"("reason":"the feed is old")"));
  maker_.health().Set({});
  machine_->Watch();
  EXPECT_THAT(machine_->status().conditions, ElementsAre(Condition::kHealthy));
  ASSERT_EQ(told().size(), 2u);
  EXPECT_THAT(told()[1], HasSubstr(R"("degraded":false)"));
}

TEST_F(PluginMachineTest, HandsItsStateToTheNextInstanceUnlessItIsToBeCold) {
  maker_.set_script({.has_state = true, .saves = "what it knows"});
  Make();
  EXPECT_THAT(Do(Kind::kReload), IsOk());
  EXPECT_THAT(maker_.record().loaded(), ElementsAre("what it knows"));
  PluginOperation cold;
  cold.kind = Kind::kReload;
  cold.cold = true;
  EXPECT_THAT(Do(cold), IsOk());
  EXPECT_THAT(maker_.record().loaded(), ElementsAre("what it knows"));
  EXPECT_EQ(machine_->status().generation, 3u);
}

TEST_F(PluginMachineTest, HandsNothingToOneThatTakesNothing) {
  maker_.set_script({.has_state = true, .saves = "what it knows"});
  Make();
  maker_.set_script({});
  EXPECT_THAT(Do(Kind::kReload), IsOk());
  EXPECT_THAT(maker_.record().loaded(), IsEmpty());
}

TEST_F(PluginMachineTest, GoesOnWithTheOldInstanceIfItsStateIsNotHandedOver) {
  const auto bad = absl::FailedPreconditionError("peers[3]: not a number");
  for (const auto& [old_one, new_one, loaded] :
       {std::tuple(FakeHandlerScript{.has_state = true, .saves = bad},
                   FakeHandlerScript{.has_state = true}, 0u),
        std::tuple(FakeHandlerScript{.has_state = true},
                   FakeHandlerScript{.has_state = true, .loads = bad}, 1u)}) {
    maker_.set_script(old_one);
    Make();
    maker_.set_script(new_one);
    const absl::StatusOr<PluginOutcome> done = Do(Kind::kUpgrade);
    EXPECT_EQ(ReasonOf(done.status()), "PLUGIN_INIT_FAILED");
    EXPECT_THAT(done.status().message(),
                HasSubstr("peers[3]: not a number; what ran goes on"));
    EXPECT_EQ(state(), State::kRunning);
    EXPECT_EQ(machine_->status().generation, 1u);
    EXPECT_EQ(slot().instances(), 1u) << "the new one is gone";
    EXPECT_EQ(slot().turn(), 1u) << "the old one has the turn again";
    EXPECT_EQ(maker_.record().loaded().size(), loaded);
    machine_.reset();
  }
}

TEST_F(PluginMachineTest, HandsItsStateBackAtARollback) {
  maker_.set_script({.has_state = true, .saves = "old"});
  Make();
  maker_.set_script({.has_state = true, .saves = "new"});
  maker_.PutFile("bb");
  EXPECT_THAT(Do(Kind::kUpgrade), IsOk());
  EXPECT_THAT(Do(Kind::kRollback), IsOk());
  EXPECT_THAT(maker_.record().loaded(), ElementsAre("old", "new"));
  EXPECT_EQ(machine_->status().generation, 1u);
}

}  // namespace
}  // namespace weir
