#include "host/plugin/folder_watch.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/plugin/inotify_folder_events.h"
#include "host/sync/mutex.h"
#include "host/sync/system_clock.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_folder_events.h"
#include "tests/support/short_temp_dir.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using Result = FolderEvents::Result;
using Step = FakeFolderEvents::Step;

constexpr absl::Duration kQuiet = absl::Milliseconds(300);

// "x y", the ids of what is there.
std::string IdsOf(const PluginFolderContents& contents) {
  return absl::StrJoin(
      contents.files, " ",
      [](std::string* out, const PluginFile& file) { out->append(file.id); });
}

class FolderWatchTest : public testing::Test {
 protected:
  FolderWatchTest() : folder_(dir_.path() + "/plugins") {
    mkdir(folder_.c_str(), 0755);
    auto events = std::make_unique<FakeFolderEvents>(clock_);
    events_ = events.get();
    watch_ = std::make_unique<FolderWatch>(
        Options(), std::move(events), clock_,
        [this](const PluginFolderContents& contents) {
          told_.push_back(IdsOf(contents));
          return takes_;
        });
  }

  FolderWatchOptions Options() const {
    return {.folders = {folder_}, .owners = {getuid()}};
  }
  std::string Path(const std::string& name) const {
    return absl::StrCat(folder_, "/", name);
  }
  void Put(const std::string& name, const std::string& bytes = "x") const {
    std::ofstream(Path(name)) << bytes;
    chmod(Path(name).c_str(), 0644);
  }
  void Remove(const std::string& name) const { unlink(Path(name).c_str()); }
  // Does `change`, which only a time tells, until the file system's clock has
  // moved on: it ticks every few milliseconds.
  void UntilItShows(const std::function<void()>& change) const {
    const PluginFolderContents before = Now();
    do {
      change();
    } while (Now() == before);
  }
  PluginFolderContents Now() const {
    return ReadPluginFolders({folder_}, {getuid()});
  }
  void StartWithWhatIsThere() {
    watch_->Start(Now());
    events_->Do({});
  }
  static Step Rests() { return {Result::kTimeout, absl::ZeroDuration()}; }
  static Step Happens(std::function<void()> what,
                      absl::Duration takes = absl::Milliseconds(1)) {
    return {Result::kHappened, takes, std::move(what)};
  }

  const ShortTempDir dir_;
  const std::string folder_;
  FakeClock clock_;
  bool takes_ = true;
  std::vector<std::string> told_;  // Read only while the watch waits.
  FakeFolderEvents* events_ = nullptr;
  std::unique_ptr<FolderWatch> watch_;
};

TEST_F(FolderWatchTest, TellsWhatChangedSinceItWasKnown) {
  Put("x.so");
  watch_->Start({});
  events_->Do({Rests()});
  EXPECT_THAT(told_, ElementsAre("x"));
}

TEST_F(FolderWatchTest, TellsNothingThatIsKnown) {
  Put("x.so");
  StartWithWhatIsThere();
  events_->Do({Rests(), Rests(), Rests()});
  EXPECT_THAT(told_, IsEmpty());
  EXPECT_THAT(events_->waits(), Each(absl::Seconds(5)));
}

TEST_F(FolderWatchTest, TellsAFileOnceItRests) {
  StartWithWhatIsThere();
  events_->Do({Happens([this] { Put("x.so"); })});
  EXPECT_THAT(told_, IsEmpty()) << "it may still be written";
  EXPECT_EQ(events_->waits().back(), kQuiet);
  events_->Do({Rests()});
  EXPECT_THAT(told_, ElementsAre("x"));
}

TEST_F(FolderWatchTest, FindsWithoutEventsWhatARescanSees) {
  StartWithWhatIsThere();
  // Of the rescan, of one look, and of a second that saw the same.
  events_->Do({{Result::kTimeout, {}, [this] { Put("x.so"); }},
               {Result::kTimeout, {}, [this] { Put("x.so", "more"); }}});
  EXPECT_THAT(told_, IsEmpty()) << "two looks differed";
  events_->Do({Rests()});
  EXPECT_THAT(told_, ElementsAre("x"));
}

TEST_F(FolderWatchTest, TellsEachKindOfChange) {
  Put("x.so");
  StartWithWhatIsThere();
  struct Case {
    const char* why;
    std::function<void()> change;
    const char* want;
  };
  for (const Case& c : std::vector<Case>{
           {"another file", [this] { Put("y.so"); }, "x y"},
           {"other bytes", [this] { Put("y.so", "other"); }, "x y"},
           {"settings added", [this] { Put("x.yaml"); }, "x y"},
           {"settings changed", [this] { Put("x.yaml", "config: {}"); }, "x y"},
           {"settings removed", [this] { Remove("x.yaml"); }, "x y"},
           {"its mode",
            [this] {
              UntilItShows([this] { chmod(Path("x.so").c_str(), 0600); });
            },
            "x y"},
           {"renamed over",
            [this] {
              Put(".new");
              rename(Path(".new").c_str(), Path("x.so").c_str());
            },
            "x y"},
           {"removed", [this] { Remove("x.so"); }, "y"},
           {"the folder gone",
            [this] { rename(folder_.c_str(), (folder_ + ".old").c_str()); },
            ""},
           {"the folder back",
            [this] { rename((folder_ + ".old").c_str(), folder_.c_str()); },
            "y"},
       }) {
    told_.clear();
    events_->Do({Happens(c.change), Rests()});
    EXPECT_THAT(told_, ElementsAre(c.want)) << c.why;
  }
}

TEST_F(FolderWatchTest, TellsNothingOfFilesThatAreNoPlugins) {
  StartWithWhatIsThere();
  events_->Do({Happens([this] { Put("README"); }), Rests(), Rests()});
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(FolderWatchTest, TellsNothingOfWhatCameAndWent) {
  StartWithWhatIsThere();
  events_->Do({Happens([this] { Put("x.so"); }),
               Happens([this] { Remove("x.so"); }), Rests(), Rests()});
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(FolderWatchTest, LosesItsPatienceWithAStormOfTouches) {
  StartWithWhatIsThere();
  int touches = 0;
  std::vector<Step> storm;
  for (int i = 0; i < 100; ++i) {
    storm.push_back(
        Happens([this, &touches] { Put("x.so", std::string(++touches, 'x')); },
                absl::Milliseconds(100)));
  }
  events_->Do(std::move(storm));
  // Ten seconds of storm, two seconds of patience.
  EXPECT_THAT(told_, SizeIs(testing::AllOf(testing::Ge(4u), testing::Le(5u))));
  events_->Do({Rests(), Rests()});
  EXPECT_EQ(told_.back(), "x");
}

TEST_F(FolderWatchTest, WaitsNoLongerThanItsPatience) {
  StartWithWhatIsThere();
  std::vector<Step> storm;
  for (int i = 0; i < 19; ++i) {
    storm.push_back(Happens([this, i] { Put("x.so", std::string(i, 'x')); },
                            absl::Milliseconds(100)));
  }
  // The first event ends the wait for one; the other 18 take 1.8 s of patience.
  events_->Do(std::move(storm));
  EXPECT_EQ(events_->waits().back(), absl::Milliseconds(200));
}

TEST_F(FolderWatchTest, TellsAgainWhatWasNotTaken) {
  takes_ = false;
  StartWithWhatIsThere();
  events_->Do({Happens([this] { Put("x.so"); }), Rests()});
  EXPECT_THAT(told_, SizeIs(1));
  takes_ = true;
  events_->Do({Rests()});
  EXPECT_THAT(told_, ElementsAre("x", "x"));
  events_->Do({Rests(), Rests()});
  EXPECT_THAT(told_, SizeIs(2)) << "it was taken";
}

TEST_F(FolderWatchTest, TellsFiveHundredFilesAtOnce) {
  StartWithWhatIsThere();
  std::vector<Step> steps;
  for (int i = 0; i < 500; ++i) {
    steps.push_back(Happens([this, i] { Put(absl::StrCat("p", i, ".so")); }));
  }
  steps.push_back(Rests());
  steps.push_back(Rests());
  events_->Do(std::move(steps));
  ASSERT_THAT(told_, SizeIs(1));
  EXPECT_EQ(std::count(told_[0].begin(), told_[0].end(), ' '), 499);
}

TEST_F(FolderWatchTest, SeesAFileWithATimeOfLongAgoChange) {
  const auto put = [this](const char* bytes) {
    Put("x.so", bytes);
    const timespec times[2] = {};
    utimensat(AT_FDCWD, Path("x.so").c_str(), times, 0);
  };
  put("one");
  StartWithWhatIsThere();
  // As long, and as old: only the inode's own change time differs.
  events_->Do({Happens([&] { UntilItShows([&] { put("two"); }); }), Rests()});
  EXPECT_THAT(told_, ElementsAre("x"));
}

TEST_F(FolderWatchTest, StopsTwiceAndWithoutStart) {
  watch_->Stop();
  watch_->Stop();
}

TEST_F(FolderWatchTest, StopsWhileTheFoldersDoNotRest) {
  StartWithWhatIsThere();
  events_->Do({Happens([this] { Put("x.so"); })});
  watch_->Stop();
  EXPECT_THAT(told_, IsEmpty());
}

// The real events and the real clock: only the events can bring this, since the
// next rescan is a day away.
TEST_F(FolderWatchTest, TellsWhatIsDroppedIntoARealFolder) {
  auto events = InotifyFolderEvents::Create(
      {folder_}, [](absl::string_view text) { ADD_FAILURE() << text; });
  ASSERT_THAT(events, IsOk());
  FolderWatchOptions options = Options();
  options.scan_interval = absl::Hours(24);
  options.quiet = absl::Milliseconds(1);
  Mutex mu;
  CondVar told;
  std::string last;
  const SystemClock clock;
  FolderWatch watch(options, *std::move(events), clock,
                    [&](const PluginFolderContents& contents) {
                      MutexLock lock(&mu);
                      last = IdsOf(contents);
                      told.NotifyAll();
                      return true;
                    });
  watch.Start({});
  for (const char* want : {"a", "a b", "b"}) {
    if (want[0] == 'b') {
      Remove("a.so");
    } else {
      Put(absl::StrCat(std::string(1, absl::string_view(want).back()), ".so"));
    }
    MutexLock lock(&mu);
    while (last != want) told.Wait(&mu);
  }
}

}  // namespace
}  // namespace weir
