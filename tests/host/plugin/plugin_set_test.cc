#include "host/plugin/plugin_set.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/plugin/child_supervisor.h"
#include "host/plugin/module_instance_maker.h"
#include "host/plugin/module_store.h"
#include "host/status/error_info.h"
#include "host/sync/mutex.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_event_sink.h"
#include "tests/fakes/fake_handler.h"
#include "tests/fakes/fake_handler_registry.h"

namespace weir {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using State = PluginStatus::State;
using Condition = PluginStatus::Condition;

class PluginSetTest : public testing::Test {
 protected:
  PluginSetTest() : dir_(testing::TempDir()) {
    InternWellKnownTypes(types_);
    set_ = std::make_unique<PluginSet>(
        PluginSurroundings{
            registry_, maker_, sink_, types_, sources_, clock_,
            [this](Severity, absl::string_view area, absl::string_view text) {
              MutexLock lock(&mu_);
              lines_.push_back(absl::StrCat(area, ": ", text));
            },
            [](absl::string_view, const DesiredState&) {
              return absl::OkStatus();
            },
            [this](absl::string_view id) { forgotten_.emplace_back(id); }},
        [](const std::string& id,
           const std::string&) -> absl::StatusOr<PluginSlotSpec> {
          if (id == "ok-c" || id == "throws") {
            return Fixture(id == "ok-c" ? "ok_c" : "throws");
          }
          return absl::NotFoundError(id + " is in no folder");
        });
  }

  static PluginSlotSpec Fixture(const std::string& name) {
    std::string id = name;
    std::replace(id.begin(), id.end(), '_', '-');
    PluginSlotSpec spec = {
        .id = id,
        .module = name + ".so",
        // Bazel puts a link there, and one out of a folder is refused.
        .path = std::filesystem::weakly_canonical(
            absl::StrCat("tests/fixtures/", name, ".so")),
        .status = absl::OkStatus()};
    spec.options.isolation = PluginStatus::Isolation::kInProcess;
    return spec;
  }
  PluginStatus StatusOf(const std::string& id) {
    for (PluginStatus& status : set_->List()) {
      if (status.name == "plugins/" + id) return status;
    }
    ADD_FAILURE() << "no slot " << id;
    return {};
  }
  void SetStats(const std::function<void(HandlerStats&)>& change) {
    registry_.slot("ok-c").Change(change);
  }
  // Looks after the plugins, and waits until that is done.
  void Tick() {
    set_->Tick();
    Settle("ok-c");
  }
  // Returns the plugin's name afterwards, or why it was not done.
  std::string Do(PluginOperation operation) {
    Gate done;
    done.Shut();
    std::string result;
    set_->Do(std::move(operation),
             [&](const absl::StatusOr<PluginOutcome>& outcome) {
               if (outcome.ok()) {
                 result = outcome->status.name;
               } else {
                 const auto info = GetErrorInfo(outcome.status());
                 result = info.has_value() ? info->reason : "no reason";
               }
               done.Open();
             });
    done.Pass();
    return result;
  }
  // Waits until all that the slot has been told is done.
  void Settle(const std::string& id) {
    Gate done;
    done.Shut();
    set_->Do({.kind = PluginOperation::Kind::kResetStats,
              .name = "plugins/" + id,
              .validate_only = true},
             [&](const absl::StatusOr<PluginOutcome>&) { done.Open(); });
    done.Pass();
  }
  // The type and subject of each event so far.
  std::vector<std::string> Told() {
    std::vector<std::string> told;
    for (const Event& event : sink_.events()) {
      told.push_back(event.type + ' ' + event.subject);
    }
    return told;
  }

  const std::string dir_;
  Mutex mu_;
  NameTable types_, sources_;
  const std::unique_ptr<ModuleStore> store_ = *ModuleStore::Open(dir_);
  const std::unique_ptr<ChildSupervisor> supervisor_ =
      *ChildSupervisor::Start();
  FakeClock clock_;
  ModuleInstanceMaker maker_{{*store_,
                              *supervisor_,
                              nullptr,
                              types_,
                              sources_,
                              clock_,
                              "runner/weir-plugin-runner",
                              {0, geteuid()}}};
  FakeEventSink sink_;
  FakeHandlerRegistry registry_;
  std::vector<std::string> lines_;
  std::vector<std::string> forgotten_;
  std::unique_ptr<PluginSet> set_;
};

TEST_F(PluginSetTest, RunsAPluginAndTellsEverythingAboutIt) {
  PluginSlotSpec spec = Fixture("ok_c");
  spec.options.policy = QueuePolicy::kBlock;
  spec.options.sources = {"ris-live"};
  set_->Load({spec}, {});

  const PluginStatus status = StatusOf("ok-c");
  EXPECT_EQ(status.state, State::kRunning);
  EXPECT_EQ(status.error, "");
  EXPECT_EQ(status.module, "ok_c.so");
  EXPECT_EQ(status.version, "1.0.0");
  EXPECT_THAT(status.sha256, SizeIs(64));
  EXPECT_EQ(status.abi_version, 1u);
  EXPECT_EQ(status.generation, 1u);
  EXPECT_EQ(status.requested_capacity, 64);
  EXPECT_EQ(status.effective_capacity, 64u);
  EXPECT_THAT(status.conditions, ElementsAre(Condition::kHealthy));
  EXPECT_THAT(status.wanted_message_types, SizeIs(3));
  EXPECT_EQ(registry_.slot("ok-c").options().policy, QueuePolicy::kBlock);
  EXPECT_THAT(registry_.slot("ok-c").options().sources,
              ElementsAre("ris-live"));
  EXPECT_THAT(Told(), ElementsAre("weir.plugin.state plugins/ok-c",
                                  "weir.plugin.state plugins/ok-c"));
  EXPECT_THAT(sink_.events()[1].json,
              AllOf(HasSubstr("\"from\":\"LOADING\",\"to\":\"RUNNING\""),
                    HasSubstr("\"generation\":1")));
}

TEST_F(PluginSetTest, RefusesEachBadPluginAndRunsTheGoodOne) {
  struct Case {
    const char* name;
    State state;
    std::vector<const char*> want;
  };
  const std::vector<Case> cases = {
      {"cap_0", State::kFailed, {"queue of 0 messages"}},
      {"cap_neg", State::kFailed, {"queue of -5 messages"}},
      {"extra_exports", State::kInvalid, {"elf.exports", "leaked_helper"}},
      {"missing_entry", State::kInvalid, {"elf.exports", "say WEIR_PLUGIN"}},
      {"no_note", State::kInvalid, {"elf.note", "say WEIR_PLUGIN"}},
      {"nowhere", State::kInvalid, {"file.open", "that the host's user"}},
      {"program", State::kInvalid, {"elf.type", "-shared"}},
      {"wrong_major",
       State::kInvalid,
       {"weir_plugin_entry_v2, this host speaks v1", "this host's SDK"}},
  };
  std::vector<PluginSlotSpec> specs = {Fixture("ok_c")};
  for (const Case& c : cases) specs.push_back(Fixture(c.name));
  set_->Load(specs, {});

  for (const Case& c : cases) {
    const PluginStatus status = StatusOf(Fixture(c.name).id);
    EXPECT_EQ(status.state, c.state) << c.name;
    EXPECT_THAT(status.error, HasSubstr(absl::StrCat(c.name, ".so: ")));
    for (const char* want : c.want) {
      EXPECT_THAT(status.error, HasSubstr(want)) << c.name;
    }
    EXPECT_THAT(status.conditions, IsEmpty()) << c.name;
  }
  EXPECT_EQ(StatusOf("ok-c").state, State::kRunning);
  EXPECT_THAT(lines_, testing::Contains(HasSubstr("plugins/cap-neg: ")));
}

TEST_F(PluginSetTest, RefusesWhatIsNoFileOrNoPlugin) {
  const std::string dir = dir_ + "/odd";
  mkdir(dir.c_str(), 0755);
  std::ofstream(dir + "/text.so") << "not a plugin";
  std::ofstream(dir + "/empty.so").flush();
  mkdir((dir + "/folder.so").c_str(), 0755);
  unlink((dir + "/pipe.so").c_str());
  ASSERT_EQ(mkfifo((dir + "/pipe.so").c_str(), 0644), 0);
  unlink((dir + "/loop.so").c_str());
  ASSERT_EQ(symlink("loop.so", (dir + "/loop.so").c_str()), 0);
  std::vector<PluginSlotSpec> specs;
  const std::vector<std::pair<const char*, const char*>> cases = {
      {"text", "text.so: elf.header: not an ELF file"},
      {"empty", "empty.so: elf.header: the file is empty"},
      {"folder", "folder.so: file.type: a directory"},
      {"pipe", "pipe.so: file.type: a pipe"},
      {"loop", "loop.so: file.open: cannot be read"},
  };
  for (const auto& [name, want] : cases) {
    specs.push_back({.id = name,
                     .module = absl::StrCat(name, ".so"),
                     .path = absl::StrCat(dir, "/", name, ".so")});
  }
  set_->Load(specs, {});
  for (const auto& [name, want] : cases) {
    EXPECT_EQ(StatusOf(name).state, State::kInvalid) << name;
    EXPECT_THAT(StatusOf(name).error, HasSubstr(want)) << name;
  }
}

TEST_F(PluginSetTest, LetsAChildDieOfWhatWouldHaveTakenTheHostDown) {
  set_->Load({Fixture("ctor_aborts")}, {});
  EXPECT_THAT(StatusOf("ctor-aborts").error,
              AllOf(HasSubstr("ctor_aborts.so: "), HasSubstr("SIGABRT")));
}

TEST_F(PluginSetTest, CountsAPluginsExceptionsAndRunsOn) {
  set_->Load({Fixture("throws")}, {});
  EXPECT_EQ(StatusOf("throws").state, State::kRunning);
  EXPECT_THAT(StatusOf("throws").wanted_message_types,
              ElementsAre("UPDATE", "RAW"));
  std::vector<Message> messages(3);
  std::vector<const Message*> pointers;
  for (size_t i = 0; i < messages.size(); ++i) {
    messages[i].view.seq = i + 1;
    pointers.push_back(&messages[i]);
  }
  registry_.slot("throws").Dispatch(pointers);
  EXPECT_EQ(set_->Stats()[0].handler.books.processed_ok, 2u);
  EXPECT_EQ(set_->Stats()[0].handler.books.processed_error, 1u);
}

TEST_F(PluginSetTest, TellsWhatAConstructorThatThrewSaid) {
  PluginSlotSpec spec = Fixture("throws");
  spec.config_json = R"({"peers":[1,2,3,"x"]})";
  set_->Load({spec}, {});
  EXPECT_EQ(StatusOf("throws").state, State::kFailed);
  EXPECT_THAT(StatusOf("throws").error,
              AllOf(HasSubstr("throws.so: create: "),
                    HasSubstr("peers[3]: not a number")));
}

TEST_F(PluginSetTest, LoadsNothingThatIsDisabledOrFaultyAlready) {
  PluginSlotSpec disabled = Fixture("ok_c");
  disabled.options.disabled = true;
  PluginSlotSpec faulty = Fixture("throws");
  faulty.status = absl::InvalidArgumentError("throws.yaml:3: no such key");
  set_->Load({disabled, faulty}, {});
  EXPECT_EQ(StatusOf("ok-c").state, State::kStopped);
  EXPECT_EQ(StatusOf("throws").state, State::kInvalid);
  EXPECT_THAT(StatusOf("throws").error, HasSubstr("throws.yaml:3"));
}

TEST_F(PluginSetTest, RunsNothingOfAFileWithAnotherDigest) {
  PluginSlotSpec right = Fixture("ok_c");
  PluginSlotSpec wrong = Fixture("ok_c");
  wrong.id = "wrong";
  wrong.allowed_sha256 = {std::string(64, 'a')};
  set_->Load({right, wrong}, {});
  const PluginStatus refused = StatusOf("wrong");
  EXPECT_EQ(refused.state, State::kInvalid);
  EXPECT_THAT(refused.error, HasSubstr("file.sha256: "));
  EXPECT_THAT(refused.error, HasSubstr(StatusOf("ok-c").sha256));
}

TEST_F(PluginSetTest, SaysOnceThatAPluginHangs) {
  set_->Load({Fixture("ok_c")}, {});
  const size_t before = Told().size();
  SetStats([&](HandlerStats& stats) { stats.busy_for = absl::Seconds(1.5); });
  Tick();
  Tick();
  EXPECT_THAT(StatusOf("ok-c").conditions, ElementsAre(Condition::kHung));
  ASSERT_THAT(Told(), SizeIs(before + 1));
  EXPECT_EQ(Told().back(), "weir.plugin.hung plugins/ok-c");
  EXPECT_THAT(sink_.events().back().json, HasSubstr("\"busy_ms\":1500"));

  SetStats([&](HandlerStats& stats) { stats.busy_for = absl::ZeroDuration(); });
  Tick();
  EXPECT_THAT(StatusOf("ok-c").conditions, ElementsAre(Condition::kHealthy));
  SetStats([&](HandlerStats& stats) { stats.busy_for = absl::Seconds(2); });
  Tick();
  EXPECT_THAT(Told(), SizeIs(before + 2));
}

TEST_F(PluginSetTest, IsOverloadedForTenSecondsAfterADrop) {
  set_->Load({Fixture("ok_c")}, {});
  clock_.Advance(absl::Hours(1));
  SetStats([&](HandlerStats& stats) { stats.last_drop = clock_.Now(); });
  SetStats([&](HandlerStats& stats) { stats.blocking = true; });
  EXPECT_THAT(StatusOf("ok-c").conditions,
              ElementsAre(Condition::kOverloaded, Condition::kBlockingSource));
  SetStats([&](HandlerStats& stats) { stats.blocking = false; });
  clock_.Advance(absl::Seconds(10));
  EXPECT_THAT(StatusOf("ok-c").conditions, ElementsAre(Condition::kHealthy));
}

TEST_F(PluginSetTest, LoadsAModuleThatHasNoSlotYetAndForgetsOneThatIsRemoved) {
  EXPECT_EQ(Do({.kind = PluginOperation::Kind::kLoad, .module = "ok_c.so"}),
            "plugins/ok-c");
  EXPECT_EQ(StatusOf("ok-c").state, State::kRunning);
  EXPECT_EQ(Do({.kind = PluginOperation::Kind::kLoad, .module = "none.so"}),
            "PLUGIN_MODULE_NOT_FOUND");
  EXPECT_EQ(Do({.kind = PluginOperation::Kind::kPause, .name = "plugins/no"}),
            "PLUGIN_NOT_FOUND");
  EXPECT_EQ(Do({.kind = PluginOperation::Kind::kUnload,
                .name = "plugins/ok-c",
                .remove = true}),
            "plugins/ok-c");
  EXPECT_THAT(set_->List(), IsEmpty());
  EXPECT_THAT(forgotten_, ElementsAre("ok-c"));
  EXPECT_EQ(Do({.kind = PluginOperation::Kind::kLoad, .module = "ok_c.so"}),
            "plugins/ok-c")
      << "as if it had never been there";
}

TEST_F(PluginSetTest, UpgradesToAnotherModule) {
  set_->Load({Fixture("ok_c")}, {});
  const std::string before = StatusOf("ok-c").sha256;
  EXPECT_EQ(Do({.kind = PluginOperation::Kind::kUpgrade,
                .name = "plugins/ok-c",
                .module = "throws.so"}),
            "plugins/ok-c");
  EXPECT_EQ(StatusOf("ok-c").module, "throws.so");
  EXPECT_EQ(StatusOf("ok-c").previous_sha256, before);
}

TEST_F(PluginSetTest, UnloadsEverythingAndKeepsTheSlots) {
  set_->Load({Fixture("cap_0"), Fixture("ok_c")}, {});
  SetStats([&](HandlerStats& stats) { stats.books.offered = 7; });
  const std::string copy = dir_ + "/run/ok-c.1.so";
  EXPECT_EQ(access(copy.c_str(), F_OK), 0);
  set_->UnloadAll();
  set_->UnloadAll();

  EXPECT_EQ(registry_.slot("ok-c").instances(), 0u);
  EXPECT_NE(access(copy.c_str(), F_OK), 0) << "the copy goes with the code";
  EXPECT_EQ(StatusOf("ok-c").state, State::kStopped);
  EXPECT_EQ(StatusOf("cap-0").state, State::kFailed);
  EXPECT_EQ(set_->Stats()[1].handler.books.offered, 7u);
}

TEST_F(PluginSetTest, LetsNoPluginDrainForLongerThanTheHostHas) {
  PluginSlotSpec patient = Fixture("ok_c");
  patient.options.drain_timeout = absl::Seconds(60);
  PluginSlotSpec hasty = Fixture("throws");
  hasty.options.drain_timeout = absl::Seconds(1);
  set_->Load({patient, hasty}, {});
  EXPECT_TRUE(set_->UnloadAll(absl::Seconds(9), absl::InfiniteDuration()));
  EXPECT_THAT(registry_.slot("ok-c").drains(), ElementsAre(absl::Seconds(9)));
  EXPECT_THAT(registry_.slot("throws").drains(), ElementsAre(absl::Seconds(1)));
}

TEST_F(PluginSetTest, DoesNotWaitForEverForAPluginThatDoesNotEnd) {
  set_->Load({Fixture("ok_c"), Fixture("throws")}, {});
  Gate gate;
  gate.Shut();
  registry_.slot("ok-c").set_on_drain([&gate] { gate.Pass(); });
  EXPECT_FALSE(set_->UnloadAll(absl::Seconds(1), absl::ZeroDuration()));
  gate.Open();
  EXPECT_TRUE(set_->UnloadAll());
  EXPECT_EQ(StatusOf("ok-c").state, State::kStopped);
  EXPECT_EQ(StatusOf("throws").state, State::kStopped);
}

}  // namespace
}  // namespace weir
