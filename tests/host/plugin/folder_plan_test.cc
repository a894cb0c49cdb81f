#include "host/plugin/folder_plan.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace weir {
namespace {

using testing::IsEmpty;
using Kind = FolderAction::Kind;
using State = PluginStatus::State;

// A file of the plugin "x", as the n-th look finds it.
PluginFile X(uint64_t version, uint64_t yaml = 0,
             absl::Status status = absl::OkStatus()) {
  return {.id = "x",
          .module = "x.so",
          .path = "/p/x.so",
          .status = std::move(status),
          .signature = {.inode = version},
          .yaml_signature = {.inode = yaml}};
}

// A slot that runs what the first look found, code "A".
FolderSlot Running() {
  return {.file = X(1), .state = State::kRunning, .sha256 = "A"};
}
FolderSlot In(State state) {
  FolderSlot slot = Running();
  slot.state = state;
  return slot;
}
FolderSlot With(FolderSlot slot, bool FolderSlot::*flag) {
  slot.*flag = true;
  return slot;
}
FolderSlot With(FolderSlot slot, OnRemove on_remove) {
  slot.on_remove = on_remove;
  return slot;
}
FolderSlot With(FolderSlot slot, OnChange on_change) {
  slot.on_change = on_change;
  return slot;
}

const absl::Status kCut = absl::InvalidArgumentError("x.so: elf.bounds: cut");
const absl::Status kBusy = absl::AbortedError("x.so: file.changing: busy");
const absl::Status kFull = absl::ResourceExhaustedError("store.write: full");
const absl::Status kTwice = absl::AlreadyExistsError("x.so: file.name: two");
const absl::Status kOpenToAll = absl::PermissionDeniedError("file.mode");

struct Case {
  const char* why;
  std::optional<FolderSlot> slot;
  std::optional<PluginFile> file;
  absl::StatusOr<std::string> digest;  // "unread": must not be asked.
  std::vector<Kind> want;
};

std::vector<Kind> KindsOf(const Case& c) {
  std::vector<FolderSlot> slots;
  if (c.slot) slots.push_back(*c.slot);
  PluginFolderContents contents;
  if (c.file) contents.files.push_back(*c.file);
  std::vector<Kind> kinds;
  for (const FolderAction& action :
       PlanFolder(slots, contents, [&](const PluginFile&) {
         EXPECT_NE(c.digest.value_or(""), "unread") << c.why;
         return c.digest;
       })) {
    EXPECT_EQ(action.id, "x") << c.why;
    kinds.push_back(action.kind);
  }
  return kinds;
}

void Expect(const std::vector<Case>& cases) {
  for (const Case& c : cases) EXPECT_EQ(KindsOf(c), c.want) << c.why;
}

TEST(FolderPlanTest, FollowsAFileThatComesOrChanges) {
  Expect({
      {"a new file", {}, X(1), "A", {Kind::kLoad}},
      {"nothing happened", Running(), X(1), "unread", {}},
      {"touched: other times, the same bytes", Running(), X(2), "A", {}},
      {"renamed over by the same bytes", Running(), X(7), "A", {}},
      {"written over by another version",
       Running(),
       X(2),
       "B",
       {Kind::kUpgrade}},
      {"a pause does not keep the old code",
       In(State::kPaused),
       X(2),
       "B",
       {Kind::kUpgrade}},
      {"the operator wants to say when",
       With(Running(), OnChange::kNotify),
       X(2),
       "B",
       {Kind::kNotifyChanged}},
      {"put back what runs",
       With(Running(), &FolderSlot::changed),
       X(3),
       "A",
       {Kind::kClearChanged}},
      {"half copied over what runs", Running(), X(2), kCut, {Kind::kRefuse}},
      {"half copied, and nothing ran yet", {}, X(1), kCut, {Kind::kRefuse}},
      {"the rest came: never ran",
       In(State::kInvalid),
       X(2),
       "A",
       {Kind::kLoad}},
      {"more came, not all", In(State::kInvalid), X(2), kCut, {Kind::kRefuse}},
      {"invalid, and nothing changed", In(State::kInvalid), X(1), "unread", {}},
      {"still being written", Running(), X(2), kBusy, {Kind::kRetryLater}},
      {"a new file, still being written", {}, X(1), kBusy, {Kind::kRetryLater}},
      {"no room in the store: not the file's fault",
       {},
       X(1),
       kFull,
       {Kind::kRetryLater}},
      {"new code mends what failed",
       In(State::kFailed),
       X(2),
       "B",
       {Kind::kLoad}},
      {"a touch is no reason to start before its time",
       In(State::kFailed),
       X(2),
       "A",
       {}},
      {"new code leaves quarantine",
       In(State::kQuarantined),
       X(2),
       "B",
       {Kind::kLoad}},
      {"a touch does not leave quarantine",
       In(State::kQuarantined),
       X(2),
       "A",
       {}},
      {"nor does new code that is only told",
       With(In(State::kQuarantined), OnChange::kNotify),
       X(2),
       "B",
       {Kind::kNotifyChanged}},
      {"stopped by an operator stays so",
       With(In(State::kStopped), &FolderSlot::stays_stopped),
       X(2),
       "B",
       {Kind::kNotifyChanged}},
      {"loading: wait for what becomes of it",
       In(State::kLoading),
       X(2),
       "unread",
       {Kind::kRetryLater}},
      {"draining: wait for its end",
       In(State::kDraining),
       X(2),
       "unread",
       {Kind::kRetryLater}},
  });
}

TEST(FolderPlanTest, FollowsTheFoldersVerdict) {
  Expect({
      {"two names, one id", {}, X(1, 0, kTwice), "unread", {Kind::kRefuse}},
      {"a second name comes beside what runs",
       Running(),
       X(1, 0, kTwice),
       "unread",
       {Kind::kRefuse}},
      {"and is told once",
       FolderSlot{.file = X(1, 0, kTwice), .state = State::kRunning},
       X(1, 0, kTwice),
       "unread",
       {}},
      {"the second name is gone again",
       FolderSlot{.file = X(1, 0, kTwice),
                  .state = State::kRunning,
                  .sha256 = "A",
                  .changed = true},
       X(1),
       "A",
       {Kind::kClearChanged}},
      {"the folder was opened to all",
       {},
       X(1, 0, kOpenToAll),
       "unread",
       {Kind::kRefuse}},
      {"and closed again, the file as it was",
       FolderSlot{.file = X(1, 0, kOpenToAll), .state = State::kInvalid},
       X(1),
       "A",
       {Kind::kLoad}},
  });
}

TEST(FolderPlanTest, FollowsTheSettingsBesideTheFile) {
  Expect({
      {"added", Running(), X(1, 5), "unread", {Kind::kReconfigure}},
      {"changed",
       FolderSlot{.file = X(1, 5), .state = State::kRunning},
       X(1, 6),
       "unread",
       {Kind::kReconfigure}},
      {"removed",
       FolderSlot{.file = X(1, 5), .state = State::kPaused},
       X(1),
       "unread",
       {Kind::kReconfigure}},
      {"both changed: an upgrade reads them",
       Running(),
       X(2, 5),
       "B",
       {Kind::kUpgrade}},
      {"both changed, the code only touched",
       Running(),
       X(2, 5),
       "A",
       {Kind::kReconfigure}},
      {"both changed, the code only told",
       With(Running(), OnChange::kNotify),
       X(2, 5),
       "B",
       {Kind::kNotifyChanged, Kind::kReconfigure}},
      {"both changed, the code still being written",
       Running(),
       X(2, 5),
       kBusy,
       {Kind::kRetryLater}},
      {"they may be what was wrong",
       In(State::kInvalid),
       X(1, 5),
       "A",
       {Kind::kLoad}},
      {"a stopped one keeps them for later",
       In(State::kStopped),
       X(1, 5),
       "unread",
       {Kind::kReconfigure}},
      {"loading: it may have read the old ones",
       In(State::kLoading),
       X(1, 5),
       "unread",
       {Kind::kRetryLater}},
  });
}

TEST(FolderPlanTest, FollowsAFileThatGoesAndComesBack) {
  Expect({
      {"runs on from the copy", Running(), {}, "unread", {Kind::kMarkMissing}},
      {"and is told once",
       With(Running(), &FolderSlot::missing),
       {},
       "unread",
       {}},
      {"the operator wants it unloaded",
       With(Running(), OnRemove::kUnload),
       {},
       "unread",
       {Kind::kUnload}},
      {"paused ones, too",
       With(In(State::kPaused), OnRemove::kUnload),
       {},
       "unread",
       {Kind::kUnload}},
      {"failed: nothing to run again",
       In(State::kFailed),
       {},
       "unread",
       {Kind::kUnload}},
      {"never ran", In(State::kInvalid), {}, "unread", {Kind::kRemove}},
      {"not loaded yet", In(State::kDiscovered), {}, "unread", {Kind::kRemove}},
      {"stopped", In(State::kStopped), {}, "unread", {Kind::kRemove}},
      {"an operator's word outlives the file",
       With(In(State::kStopped), &FolderSlot::stays_stopped),
       {},
       "unread",
       {Kind::kMarkMissing}},
      {"so does a quarantine",
       In(State::kQuarantined),
       {},
       "unread",
       {Kind::kMarkMissing}},
      {"deleted while loading",
       In(State::kLoading),
       {},
       "unread",
       {Kind::kRetryLater}},
      {"deleted while draining",
       In(State::kDraining),
       {},
       "unread",
       {Kind::kRetryLater}},
      {"back as it was, such as a mount",
       With(Running(), &FolderSlot::missing),
       X(1),
       "unread",
       {Kind::kClearMissing}},
      {"back with the same bytes",
       With(Running(), &FolderSlot::missing),
       X(2),
       "A",
       {Kind::kClearMissing}},
      {"back with new code",
       With(Running(), &FolderSlot::missing),
       X(2),
       "B",
       {Kind::kClearMissing, Kind::kUpgrade}},
  });
}

TEST(FolderPlanTest, LoadsTheSameBytesUnderTwoNamesTwice) {
  PluginFile other = X(2);
  other.id = "y";
  const std::vector<FolderAction> actions = PlanFolder(
      {}, {.files = {X(1), other}},
      [](const PluginFile&) -> absl::StatusOr<std::string> { return "A"; });
  ASSERT_EQ(actions.size(), 2u);
  EXPECT_EQ(actions[0].id, "x");
  EXPECT_EQ(actions[1].id, "y");
  EXPECT_EQ(actions[1].kind, Kind::kLoad);
  EXPECT_EQ(actions[1].file, other);
}

TEST(FolderPlanTest, SaysWhyItRefuses) {
  const std::vector<FolderAction> actions = PlanFolder(
      {}, {.files = {X(1)}},
      [](const PluginFile&) -> absl::StatusOr<std::string> { return kCut; });
  ASSERT_EQ(actions.size(), 1u);
  EXPECT_EQ(actions[0].status, kCut);
}

TEST(FolderPlanTest, MakesNoActionOnceEverythingWasNoted) {
  const auto digest_of = [](const PluginFile&) -> absl::StatusOr<std::string> {
    return "A";
  };
  for (int state = 1; state <= 9; ++state) {
    FolderSlot slot = In(static_cast<State>(state));
    slot.file = X(3, 4);
    EXPECT_THAT(PlanFolder({slot}, {.files = {X(3, 4)}}, digest_of), IsEmpty())
        << "state " << state;
  }
}

}  // namespace
}  // namespace weir
