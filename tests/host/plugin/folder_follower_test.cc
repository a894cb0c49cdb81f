#include "host/plugin/folder_follower.h"

#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_event_sink.h"
#include "tests/fakes/fake_handler.h"
#include "tests/fakes/fake_handler_registry.h"
#include "tests/fakes/fake_instance_maker.h"
#include "tests/support/plugin_dir.h"

namespace weir {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using State = PluginStatus::State;
using Condition = PluginStatus::Condition;

class FolderFollowerTest : public testing::Test {
 protected:
  FolderFollowerTest() {
    InternWellKnownTypes(types_);
    set_ = std::make_unique<PluginSet>(
        PluginSurroundings{
            registry_, maker_, sink_, types_, sources_, clock_,
            [](Severity, absl::string_view, absl::string_view) {},
            [](absl::string_view, const DesiredState&) {
              return absl::OkStatus();
            },
            [](absl::string_view) {}},
        FindSpec());
    follower_ = std::make_unique<FolderFollower>(
        *set_, *store_, owners_, FindSpec(),
        [this](absl::string_view text) { notices_.emplace_back(text); });
  }

  PluginSet::FindSpec FindSpec() {
    return [this](const std::string& id,
                  const std::string& module) -> absl::StatusOr<PluginSlotSpec> {
      PluginSlotSpec spec;
      spec.id = id;
      spec.module = module;
      spec.path = dir_.folder() + "/" + module;
      spec.options.on_remove = on_remove_;
      spec.options.on_change = on_change_;
      return spec;
    };
  }
  void PutFixture(const std::string& fixture, const std::string& name) {
    // As mv does, so that the file has another inode.
    dir_.Put(".new",
             PluginDir::Read(absl::StrCat("tests/fixtures/", fixture, ".so")));
    rename(dir_.Path(".new").c_str(), dir_.Path(name).c_str());
  }
  // Looks into the folder, and waits until the slots have followed.
  bool Follow() {
    const bool done =
        follower_->Follow(ReadPluginFolders({dir_.folder()}, owners_));
    for (const PluginStatus& status : set_->List()) Settle(status.name);
    return done;
  }
  void Settle(const std::string& name) {
    Gate done;
    done.Shut();
    set_->Do({.kind = PluginOperation::Kind::kResetStats,
              .name = name,
              .validate_only = true},
             [&](const absl::StatusOr<PluginOutcome>&) { done.Open(); });
    done.Pass();
  }
  std::vector<std::string> Names() {
    std::vector<std::string> names;
    for (const PluginStatus& status : set_->List()) {
      names.push_back(status.name);
    }
    return names;
  }
  PluginStatus Of(const std::string& name) {
    for (PluginStatus& status : set_->List()) {
      if (status.name == name) return status;
    }
    return {};
  }

  PluginDir dir_;
  const std::vector<uid_t> owners_ = {0, geteuid()};
  const std::unique_ptr<ModuleStore> store_ = *ModuleStore::Open(dir_.state());
  OnRemove on_remove_ = OnRemove::kKeepRunning;
  OnChange on_change_ = OnChange::kUpgrade;
  FakeClock clock_;
  FakeEventSink sink_;
  FakeHandlerRegistry registry_;
  FakeInstanceMaker maker_;
  NameTable types_, sources_;
  std::vector<std::string> notices_;
  std::unique_ptr<PluginSet> set_;
  std::unique_ptr<FolderFollower> follower_;
};

TEST_F(FolderFollowerTest, LoadsWhatIsDroppedInAndUpgradesWhatChanges) {
  EXPECT_TRUE(Follow());
  EXPECT_THAT(Names(), IsEmpty());
  PutFixture("ok_c", "x.so");
  EXPECT_TRUE(Follow());
  EXPECT_THAT(Names(), ElementsAre("plugins/x"));
  EXPECT_EQ(Of("plugins/x").state, State::kRunning);
  EXPECT_TRUE(Follow());
  EXPECT_EQ(Of("plugins/x").generation, 1u) << "nothing has changed";

  maker_.PutFile("bb");
  PutFixture("throws", "x.so");
  EXPECT_TRUE(Follow());
  EXPECT_EQ(Of("plugins/x").generation, 2u);
  EXPECT_EQ(Of("plugins/x").sha256, "bb");
  EXPECT_THAT(Of("plugins/x").conditions, Contains(Condition::kOnProbation));
}

TEST_F(FolderFollowerTest, OnlyTellsOfAChangeIfThatIsWanted) {
  on_change_ = OnChange::kNotify;
  PutFixture("ok_c", "x.so");
  Follow();
  PutFixture("throws", "x.so");
  EXPECT_TRUE(Follow());
  EXPECT_EQ(Of("plugins/x").generation, 1u);
  EXPECT_THAT(Of("plugins/x").conditions, Contains(Condition::kFileChanged));
}

TEST_F(FolderFollowerTest, KeepsOrEndsWhatIsGone) {
  for (const OnRemove on_remove : {OnRemove::kKeepRunning, OnRemove::kUnload}) {
    on_remove_ = on_remove;
    const std::string name = on_remove == OnRemove::kUnload ? "unload" : "keep";
    PutFixture("ok_c", name + ".so");
    Follow();
    unlink(dir_.Path(name + ".so").c_str());
    EXPECT_TRUE(Follow());
    if (on_remove == OnRemove::kUnload) {
      set_->Tick();
      EXPECT_THAT(Names(), Not(Contains("plugins/unload")));
      continue;
    }
    EXPECT_EQ(Of("plugins/keep").state, State::kRunning);
    EXPECT_THAT(Of("plugins/keep").conditions,
                Contains(Condition::kFileMissing));
  }
}

TEST_F(FolderFollowerTest, GoesOnWithWhatRunsIfTheNewFileIsNone) {
  PutFixture("ok_c", "x.so");
  Follow();
  dir_.Put("x.so", "half a plug-in");
  Follow();
  EXPECT_EQ(Of("plugins/x").state, State::kRunning);
  EXPECT_EQ(Of("plugins/x").generation, 1u);
  EXPECT_THAT(Of("plugins/x").conditions, Contains(Condition::kFileChanged));
}

TEST_F(FolderFollowerTest, SaysWhatAFileThatIsNoPluginLacks) {
  dir_.Put("x.so", "not a plugin");
  Follow();
  EXPECT_EQ(Of("plugins/x").state, State::kInvalid);
  EXPECT_THAT(Of("plugins/x").error, HasSubstr("elf.header"));
  PutFixture("ok_c", "x.so");
  Follow();
  EXPECT_EQ(Of("plugins/x").state, State::kRunning);
}

TEST_F(FolderFollowerTest, TellsOnceWhatItPassesOver) {
  dir_.Put("Bad Name.so", "");
  Follow();
  Follow();
  EXPECT_THAT(notices_, ElementsAre(HasSubstr("Bad Name.so")));
}

}  // namespace
}  // namespace weir
