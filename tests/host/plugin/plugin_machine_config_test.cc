// How a PluginMachine comes to another configuration, and keeps it.
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/plugin/plugin_machine.h"
#include "host/plugin/slot_settings.h"
#include "host/status/error_info.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_event_sink.h"
#include "tests/fakes/fake_handler_registry.h"
#include "tests/fakes/fake_instance_maker.h"

namespace weir {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;
using testing::SizeIs;
using State = PluginStatus::State;
using Kind = PluginOperation::Kind;

constexpr char kSchema[] = R"({
  "properties": {
    "n": {"type": "integer", "maximum": 100, "default": 1},
    "token": {"type": "string", "x-secret": true}
  },
  "additionalProperties": false
})";

// Settings as "capacity=5 memory=7".
class TextSettings final : public SlotSettings {
 public:
  absl::StatusOr<std::string> Merge(
      absl::string_view before, absl::string_view change,
      const std::vector<std::string>& fields) const override {
    auto merged = Parse(before);
    const auto with = Parse(change);
    for (const std::string& field : fields) merged.erase(field);
    for (const auto& [field, value] : with) merged[field] = value;
    std::string text;
    for (const auto& [field, value] : merged) {
      absl::StrAppend(&text, text.empty() ? "" : " ", field, "=", value);
    }
    return text;
  }
  absl::StatusOr<PluginSlotOptions> Apply(
      const PluginSlotSpec& spec, absl::string_view set) const override {
    PluginSlotOptions options = spec.options;
    options.capacity = 0;
    options.memory_limit_bytes = 512 << 20;
    for (const auto& [field, value] : Parse(set)) {
      if (field == "capacity") options.capacity = value;
      if (field == "memory") options.memory_limit_bytes = value;
      if (field == "capacity" && value > 1000) {
        return MakeError(absl::StatusCode::kInvalidArgument,
                         "settings.capacity: too much",
                         {.reason = "INVALID_FIELD"});
      }
    }
    return options;
  }

 private:
  static std::map<std::string, uint32_t> Parse(absl::string_view text) {
    std::map<std::string, uint32_t> settings;
    for (const absl::string_view part :
         absl::StrSplit(text, ' ', absl::SkipEmpty())) {
      const std::vector<std::string> pair = absl::StrSplit(part, '=');
      EXPECT_TRUE(absl::SimpleAtoi(pair.at(1), &settings[pair[0]]));
    }
    return settings;
  }
};

class PluginMachineConfigTest : public testing::Test {
 protected:
  PluginMachineConfigTest() {
    InternWellKnownTypes(types_);
    spec_.id = "x";
    spec_.module = "x.so";
    spec_.path = "/plugins/x.so";
    spec_.config_json = R"({"n":5})";
    spec_.file_settings_sha256 = "s1";
    maker_.set_schema(kSchema);
    TakesItLive(true);
  }

  void TakesItLive(bool live) {
    FakeHandlerScript script;
    if (live) script.reconfigure_status = absl::OkStatus();
    maker_.set_script(script);
  }

  void Make() {
    machine_ = std::make_unique<PluginMachine>(
        spec_,
        PluginSurroundings{
            registry_, maker_, sink_, types_, sources_, clock_,
            [this](Severity, absl::string_view, absl::string_view text) {
              log_.emplace_back(text);
            },
            [this](absl::string_view, const DesiredState& state) {
              kept_ = state;
              return absl::OkStatus();
            },
            [](absl::string_view) {}, nullptr, nullptr, &settings_},
        [](uint64_t) {});
    machine_->Begin(kept_);
  }
  // As a host does that was killed and started.
  void MakeAgain() {
    machine_.reset();
    Make();
  }
  absl::StatusOr<PluginOutcome> Do(PluginOperation operation) {
    operation.name = "plugins/x";
    operation.actor = "operator:test";
    return machine_->Do(operation, operation.kind == Kind::kLoad ||
                                           operation.kind == Kind::kUpgrade
                                       ? &spec_
                                       : nullptr);
  }
  absl::StatusOr<PluginOutcome> Set(const std::string& config,
                                    std::vector<std::string> keys = {}) {
    return Do({.kind = Kind::kConfigure,
               .config_json = config,
               .config_keys = std::move(keys)});
  }
  absl::StatusOr<PluginOutcome> SetSettings(const std::string& settings) {
    return Do({.kind = Kind::kConfigure, .settings = settings});
  }
  // NAME.yaml has changed.
  void Follow() {
    machine_->Follow({.kind = FolderAction::Kind::kReconfigure, .id = "x"},
                     spec_);
  }
  static std::string ReasonOf(const absl::Status& status) {
    const std::optional<ErrorInfo> info = GetErrorInfo(status);
    return info.has_value() ? info->reason : status.ToString();
  }
  PluginStatus status() const { return machine_->status(); }
  FakeHandlerSlot& slot() { return registry_.slot("x"); }

  FakeClock clock_;
  FakeEventSink sink_;
  FakeHandlerRegistry registry_;
  FakeInstanceMaker maker_;
  NameTable types_, sources_;
  const TextSettings settings_;
  PluginSlotSpec spec_;
  DesiredState kept_;
  std::vector<std::string> log_;
  std::unique_ptr<PluginMachine> machine_;
};

TEST_F(PluginMachineConfigTest, MakesAnInstanceOfACheckedConfiguration) {
  spec_.config_json = R"({"token":"hush"})";
  Make();
  EXPECT_THAT(maker_.configs(), ElementsAre(R"({"n":1,"token":"hush"})"));
  EXPECT_EQ(status().config_json, R"({"n":1,"token":"***"})");
  EXPECT_EQ(status().config_schema, kSchema);
  EXPECT_EQ(status().config_revision, 1u);
}

TEST_F(PluginMachineConfigTest, RefusesWhatTheSchemaDoesNotTake) {
  spec_.config_json = R"({"n":200,"m":1})";
  Make();
  EXPECT_EQ(status().state, State::kInvalid);
  EXPECT_THAT(status().error,
              HasSubstr("/m: no such setting; there are n, token; /n: 200 is "
                        "above the maximum 100"));
  EXPECT_THAT(maker_.configs(), IsEmpty());
  const absl::Status load = Do({.kind = Kind::kLoad}).status();
  EXPECT_EQ(load.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(load), "PLUGIN_CONFIG_INVALID");
  // Once it is right, it can be loaded.
  ASSERT_TRUE(Set(R"({"n":7})").ok());
  ASSERT_TRUE(Do({.kind = Kind::kLoad}).ok());
  EXPECT_THAT(maker_.configs(), ElementsAre(R"({"n":7})"));
}

TEST_F(PluginMachineConfigTest, GivesALiveInstanceItsConfiguration) {
  Make();
  const auto set = Set(R"({"n":6,"token":"hush"})");
  ASSERT_TRUE(set.ok()) << set.status();
  EXPECT_THAT(maker_.reconfigured(), ElementsAre(R"({"n":6,"token":"hush"})"));
  EXPECT_EQ(slot().instances_made(), 1u);
  EXPECT_EQ(set->status.generation, 1u);
  EXPECT_EQ(set->status.config_revision, 2u);
  EXPECT_EQ(set->status.config_json, R"({"n":6,"token":"***"})");
  EXPECT_EQ(set->status.last_transition.actor, "operator:test");
  for (const std::string& line : log_) {
    EXPECT_THAT(line, Not(HasSubstr("hush")));
  }
}

TEST_F(PluginMachineConfigTest, MakesANewInstanceOfOneThatDoesNotTakeIt) {
  TakesItLive(false);
  Make();
  const auto set = Set(R"({"n":6})");
  ASSERT_TRUE(set.ok()) << set.status();
  EXPECT_THAT(maker_.configs(), ElementsAre(R"({"n":5})", R"({"n":6})"));
  EXPECT_EQ(slot().instances(), 1u);
  EXPECT_EQ(set->status.generation, 2u);
  EXPECT_EQ(set->status.config_revision, 2u);
}

TEST_F(PluginMachineConfigTest, ChangesTheKeysThatAreNamedAndNoOthers) {
  spec_.config_json = R"({"n":5,"token":"a"})";
  Make();
  ASSERT_TRUE(Set(R"({"n":6})", {"n"}).ok());
  ASSERT_TRUE(Set("{}", {"token"}).ok());
  EXPECT_THAT(maker_.reconfigured(),
              ElementsAre(R"({"n":6,"token":"a"})", R"({"n":6})"));
}

TEST_F(PluginMachineConfigTest, ChangesNothingForWhatIsNoChange) {
  Make();
  ASSERT_TRUE(Set(R"({"n":5})").ok());
  EXPECT_THAT(maker_.reconfigured(), IsEmpty());
  const std::string etag = status().etag;
  ASSERT_TRUE(Set(R"({"n":5.0})", {"n"}).ok());
  EXPECT_EQ(slot().instances_made(), 1u);
  EXPECT_THAT(maker_.reconfigured(), IsEmpty());
}

TEST_F(PluginMachineConfigTest, TellsAllFaultsOfARequestAndGoesOn) {
  Make();
  const absl::Status set = Set(R"({"n":101,"m":1})").status();
  EXPECT_EQ(set.code(), absl::StatusCode::kInvalidArgument);
  ASSERT_EQ(ReasonOf(set), "PLUGIN_CONFIG_INVALID");
  EXPECT_THAT(
      GetErrorInfo(set)->field_violations,
      ElementsAre(Pair("config/m", "no such setting; there are n, token"),
                  Pair("config/n", "101 is above the maximum 100")));
  EXPECT_EQ(status().state, State::kRunning);
  EXPECT_EQ(status().config_revision, 1u);
  EXPECT_THAT(maker_.reconfigured(), IsEmpty());
}

TEST_F(PluginMachineConfigTest, GoesOnAsItWasIfThePluginRefuses) {
  FakeHandlerScript script;
  script.reconfigure_status =
      absl::FailedPreconditionError("reconfigure: no peer 6");
  maker_.set_script(script);
  Make();
  const absl::Status set = Set(R"({"n":6})").status();
  EXPECT_EQ(ReasonOf(set), "PLUGIN_CONFIG_INVALID");
  EXPECT_THAT(set.message(), HasSubstr("no peer 6"));
  EXPECT_EQ(status().config_json, R"({"n":5})");
  MakeAgain();
  EXPECT_EQ(maker_.configs().back(), R"({"n":5})") << "nor was it kept";
}

TEST_F(PluginMachineConfigTest, GoesOnAsItWasIfTheNewInstanceIsNoGood) {
  TakesItLive(false);
  Make();
  FakeHandlerScript script;
  script.create_status = absl::FailedPreconditionError("create: no");
  maker_.set_script(script);
  EXPECT_EQ(ReasonOf(Set(R"({"n":6})").status()), "PLUGIN_INIT_FAILED");
  EXPECT_EQ(status().config_json, R"({"n":5})");
  EXPECT_EQ(status().state, State::kRunning);
  EXPECT_EQ(status().generation, 1u);
  EXPECT_THAT(kept_.revisions, SizeIs(1));
}

TEST_F(PluginMachineConfigTest, SaysThatTheMessageInWorkTookTooLong) {
  Make();
  slot().set_answers_calls(false);
  EXPECT_EQ(ReasonOf(Set(R"({"n":6})").status()), "DRAIN_TIMEOUT");
  EXPECT_EQ(status().config_json, R"({"n":5})");
}

TEST_F(PluginMachineConfigTest, StartsOneAgainAsItWasThatDiedOfAConfiguration) {
  FakeHandlerScript script;
  script.reconfigure_status = absl::AbortedError("reconfigure: SIGABRT");
  maker_.set_script(script);
  maker_.set_in_child(true);
  Make();
  maker_.set_dead(1);
  const absl::Status set = Set(R"({"n":6})").status();
  EXPECT_EQ(ReasonOf(set), "PLUGIN_CONFIG_INVALID");
  EXPECT_EQ(status().state, State::kRunning);
  EXPECT_EQ(status().restart_count, 1u);
  EXPECT_THAT(maker_.configs(), ElementsAre(R"({"n":5})", R"({"n":5})"));
}

TEST_F(PluginMachineConfigTest, OnlySaysWhatWouldBe) {
  Make();
  const auto would = Do({.kind = Kind::kConfigure,
                         .config_json = R"({"token":"hush"})",
                         .settings = "capacity=7",
                         .validate_only = true});
  ASSERT_TRUE(would.ok()) << would.status();
  EXPECT_EQ(would->status.config_json, R"({"n":1,"token":"***"})");
  EXPECT_EQ(would->status.config_revision, 2u);
  EXPECT_EQ(would->status.effective_capacity, 7u);
  EXPECT_EQ(status().config_json, R"({"n":5})");
  EXPECT_EQ(status().config_revision, 1u);
  EXPECT_EQ(slot().options().capacity, 0u);
  EXPECT_EQ(ReasonOf(Do({.kind = Kind::kConfigure,
                         .config_json = R"({"n":"x"})",
                         .validate_only = true})
                         .status()),
            "PLUGIN_CONFIG_INVALID");
}

TEST_F(PluginMachineConfigTest, LooksAtAFileBeforeItIsLoaded) {
  Make();
  maker_.PutFile("bb");
  const auto would = Do({.kind = Kind::kUpgrade, .validate_only = true});
  ASSERT_TRUE(would.ok()) << would.status();
  EXPECT_EQ(would->status.sha256, "bb");
  EXPECT_EQ(status().sha256, "aa");
  maker_.set_file(absl::InvalidArgumentError("x.so: elf.textrel: no"));
  EXPECT_EQ(
      ReasonOf(Do({.kind = Kind::kUpgrade, .validate_only = true}).status()),
      "PLUGIN_INIT_FAILED");
}

TEST_F(PluginMachineConfigTest, KeepsWhatWasSetUntilTheFilesSaySomethingElse) {
  Make();
  ASSERT_TRUE(Set(R"({"n":6})").ok());
  ASSERT_TRUE(SetSettings("capacity=7").ok());
  MakeAgain();
  EXPECT_EQ(status().config_json, R"({"n":6})");
  EXPECT_EQ(slot().options().capacity, 7u);
  EXPECT_EQ(status().config_revision, 3u) << "nothing is new";
  // Another configuration there; the settings are of another matter.
  spec_.config_json = R"({"n":8})";
  MakeAgain();
  EXPECT_EQ(status().config_json, R"({"n":8})");
  EXPECT_EQ(slot().options().capacity, 7u);
  EXPECT_EQ(status().config_revision, 4u);
  spec_.config_json = R"({"n":5})";
  MakeAgain();
  EXPECT_EQ(status().config_json, R"({"n":5})") << "what was set is gone";
  spec_.file_settings_sha256 = "s2";
  MakeAgain();
  EXPECT_EQ(slot().options().capacity, 0u);
}

TEST_F(PluginMachineConfigTest, GoesBackToTheFilesWhenTold) {
  Make();
  ASSERT_TRUE(Set(R"({"n":6})").ok());
  ASSERT_TRUE(SetSettings("capacity=7 memory=9").ok());
  ASSERT_TRUE(Do({.kind = Kind::kConfigure,
                  .settings = "",
                  .settings_fields = {"capacity"}})
                  .ok());
  EXPECT_EQ(slot().options().capacity, 0u);
  EXPECT_EQ(status().memory_limit_bytes, 9u);
  ASSERT_TRUE(Do({.kind = Kind::kConfigure,
                  .config_reset = true,
                  .settings_reset = true})
                  .ok());
  EXPECT_EQ(status().config_json, R"({"n":5})");
  EXPECT_EQ(status().memory_limit_bytes, 512u << 20);
  spec_.config_json = R"({"n":9})";
  Follow();
  EXPECT_EQ(status().config_json, R"({"n":9})");
}

TEST_F(PluginMachineConfigTest, AppliesSettingsLiveWhereThatCanBe) {
  Make();
  ASSERT_TRUE(SetSettings("capacity=7").ok());
  EXPECT_EQ(slot().options().capacity, 7u);
  EXPECT_EQ(slot().instances_made(), 1u);
  ASSERT_TRUE(SetSettings("memory=9").ok());
  EXPECT_EQ(slot().instances_made(), 2u) << "its child was told at its start";
  EXPECT_EQ(slot().options().capacity, 7u);
  EXPECT_EQ(ReasonOf(SetSettings("capacity=1001").status()), "INVALID_FIELD");
  EXPECT_EQ(slot().options().capacity, 7u);
}

TEST_F(PluginMachineConfigTest, WaitsForANewInstanceAsTheNewSettingsSay) {
  Make();
  spec_.options.create_deadline = absl::Seconds(77);
  FakeHandlerScript script;
  script.create_status = absl::FailedPreconditionError("create: no");
  maker_.set_script(script);
  EXPECT_FALSE(Do({.kind = Kind::kUpgrade}).ok());
  EXPECT_EQ(slot().options().create_deadline, absl::Seconds(77));
}

TEST_F(PluginMachineConfigTest, FollowsSettingsAndConfigurationOfTheFiles) {
  Make();
  spec_.options.capacity = 11;
  spec_.options.policy = QueuePolicy::kBlock;
  spec_.file_settings_sha256 = "s2";
  Follow();
  EXPECT_EQ(slot().options().capacity, 11u);
  EXPECT_EQ(status().policy, QueuePolicy::kBlock);
  EXPECT_EQ(slot().instances_made(), 1u);
  spec_.config_json = R"({"n":7})";
  Follow();
  EXPECT_THAT(maker_.reconfigured(), ElementsAre(R"({"n":7})"));
  spec_.config_json = R"({"n":700})";
  Follow();
  EXPECT_EQ(status().config_json, R"({"n":7})") << "what runs goes on";
  EXPECT_EQ(status().state, State::kRunning);
  EXPECT_THAT(status().conditions,
              Contains(PluginStatus::Condition::kFileChanged));
  spec_.config_json = R"({"n":70})";
  Follow();
  EXPECT_EQ(status().config_json, R"({"n":70})");
  EXPECT_THAT(status().conditions,
              Not(Contains(PluginStatus::Condition::kFileChanged)));
}

TEST_F(PluginMachineConfigTest, SetsNothingForAPluginWhoseFilesAreRefused) {
  spec_.status = absl::InvalidArgumentError("x.yaml:1: what is this");
  Make();
  EXPECT_EQ(status().state, State::kInvalid);
  const absl::Status set = SetSettings("capacity=7").status();
  EXPECT_EQ(ReasonOf(set), "PLUGIN_STATE");
  EXPECT_THAT(set.message(), HasSubstr("x.yaml:1"));
}

TEST_F(PluginMachineConfigTest, TakesFilesForAStoppedPluginWithoutStartingIt) {
  Make();
  ASSERT_TRUE(Do({.kind = Kind::kUnload}).ok());
  spec_.config_json = R"({"n":7})";
  Follow();
  EXPECT_EQ(status().state, State::kStopped);
  ASSERT_TRUE(Do({.kind = Kind::kLoad}).ok());
  EXPECT_EQ(maker_.configs().back(), R"({"n":7})");
}

TEST_F(PluginMachineConfigTest, RollsBackToTheConfigurationBefore) {
  for (const bool live : {true, false}) {
    kept_ = {};
    TakesItLive(live);
    MakeAgain();
    ASSERT_TRUE(Set(R"({"n":6})").ok());
    MakeAgain();
    const auto rolled = Do({.kind = Kind::kRollback});
    ASSERT_TRUE(rolled.ok()) << rolled.status();
    EXPECT_EQ(rolled->status.config_json, R"({"n":5})") << live;
    EXPECT_EQ(rolled->status.config_revision, 3u);
    EXPECT_EQ(ReasonOf(Do({.kind = Kind::kRollback}).status()),
              "PLUGIN_NO_PREVIOUS");
    MakeAgain();
    EXPECT_EQ(status().config_json, R"({"n":5})");
  }
}

TEST_F(PluginMachineConfigTest, RollsAnUpgradeBackWithItsConfiguration) {
  for (const bool during_probation : {true, false}) {
    kept_ = {};
    maker_.PutFile("aa");
    MakeAgain();
    ASSERT_TRUE(Set(R"({"n":6})").ok());
    maker_.PutFile("bb");
    const auto upgraded =
        Do({.kind = Kind::kUpgrade, .config_json = R"({"n":7})"});
    ASSERT_TRUE(upgraded.ok()) << upgraded.status();
    EXPECT_EQ(upgraded->status.config_json, R"({"n":7})");
    if (!during_probation) {
      clock_.Advance(absl::Hours(1));
      machine_->Due();
    }
    const auto rolled = Do({.kind = Kind::kRollback});
    ASSERT_TRUE(rolled.ok()) << rolled.status();
    EXPECT_EQ(rolled->status.sha256, "aa");
    EXPECT_EQ(rolled->status.config_json, R"({"n":6})") << during_probation;
    MakeAgain();
    EXPECT_EQ(status().sha256, "aa");
    EXPECT_EQ(status().config_json, R"({"n":6})");
  }
}

TEST_F(PluginMachineConfigTest, RefusesAnUpgradeWhoseConfigurationIsWrong) {
  Make();
  maker_.PutFile("bb");
  const absl::Status upgraded =
      Do({.kind = Kind::kUpgrade, .config_json = R"({"n":101})"}).status();
  EXPECT_EQ(upgraded.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(upgraded), "PLUGIN_CONFIG_INVALID");
  EXPECT_EQ(status().sha256, "aa");
  EXPECT_EQ(status().config_json, R"({"n":5})");
}

TEST_F(PluginMachineConfigTest, LoadsWithAConfigurationAndSettingsOfItsOwn) {
  kept_.desired = DesiredState::Desired::kStopped;
  Make();
  EXPECT_EQ(status().state, State::kStopped);
  ASSERT_TRUE(Do({.kind = Kind::kLoad,
                  .config_json = R"({"n":9})",
                  .settings = "capacity=7"})
                  .ok());
  EXPECT_THAT(maker_.configs(), ElementsAre(R"({"n":9})"));
  EXPECT_EQ(slot().options().capacity, 7u);
  MakeAgain();
  EXPECT_EQ(status().config_json, R"({"n":9})");
}

TEST_F(PluginMachineConfigTest, KeepsTheLastTenRevisionsAndThePrevious) {
  Make();
  for (int n = 10; n < 40; ++n) {
    ASSERT_TRUE(Set(absl::StrCat(R"({"n":)", n, "}")).ok());
    clock_.Advance(absl::Seconds(1));
  }
  EXPECT_THAT(kept_.revisions, SizeIs(10));
  EXPECT_EQ(kept_.revisions.back().number, 31u);
  EXPECT_EQ(kept_.revisions.back().actor, "operator:test");
  EXPECT_EQ(kept_.previous_revision, 30u);
  for (int capacity = 1; capacity < 20; ++capacity) {
    ASSERT_TRUE(SetSettings(absl::StrCat("capacity=", capacity)).ok());
  }
  EXPECT_EQ(kept_.revisions.front().number, 30u) << "it is gone back to";
  ASSERT_TRUE(Do({.kind = Kind::kRollback}).ok());
  EXPECT_EQ(status().config_json, R"({"n":38})");
  EXPECT_EQ(slot().options().capacity, 19u) << "settings are not the plugin's";
}

}  // namespace
}  // namespace weir
