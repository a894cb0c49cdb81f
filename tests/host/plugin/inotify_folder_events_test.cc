#include "host/plugin/inotify_folder_events.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/plugin/file_descriptor.h"
#include "tests/support/plugin_dir.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Result = FolderEvents::Result;

// Longer than a test may take: nothing here waits for it to pass.
constexpr absl::Duration kLong = absl::Hours(1);

class InotifyFolderEventsTest : public testing::Test {
 protected:
  std::unique_ptr<InotifyFolderEvents> Watch(
      const std::vector<std::string>& folders) {
    return *InotifyFolderEvents::Create(
        folders,
        [this](absl::string_view text) { notices_.emplace_back(text); });
  }
  // Throws away what is known already.
  static void Rest(InotifyFolderEvents& events) {
    while (events.Wait(absl::ZeroDuration()) == Result::kHappened) {
    }
  }

  const PluginDir dir_;
  std::vector<std::string> notices_;
};

TEST_F(InotifyFolderEventsTest, SeesWhatHappensInAFolder) {
  dir_.Put("x.so", "abc");
  const auto events = Watch({dir_.folder()});
  EXPECT_EQ(events->Wait(absl::ZeroDuration()), Result::kTimeout);
  struct Case {
    const char* why;
    std::function<void()> happens;
  };
  const std::string x = dir_.Path("x.so"), y = dir_.Path("y.so");
  for (const Case& c : std::vector<Case>{
           {"written", [&] { dir_.Put("x.so", "abcd"); }},
           {"mode changed", [&] { chmod(x.c_str(), 0600); }},
           {"linked", [&] { ASSERT_EQ(symlink("x.so", y.c_str()), 0); }},
           {"renamed", [&] { rename(x.c_str(), y.c_str()); }},
           {"removed", [&] { unlink(y.c_str()); }},
       }) {
    c.happens();
    EXPECT_EQ(events->Wait(kLong), Result::kHappened) << c.why;
    EXPECT_EQ(events->Wait(absl::ZeroDuration()), Result::kTimeout) << c.why;
  }
  EXPECT_THAT(notices_, IsEmpty());
}

TEST_F(InotifyFolderEventsTest, SeesNothingInReading) {
  dir_.Put("x.so", "abc");
  const auto events = Watch({dir_.folder()});
  PluginDir::Read(dir_.Path("x.so"));
  EXPECT_EQ(events->Wait(absl::ZeroDuration()), Result::kTimeout);
}

TEST_F(InotifyFolderEventsTest, WatchesAFolderThatIsMadeLater) {
  const std::string later = dir_.folder() + "/later";
  const auto events = Watch({later});
  EXPECT_EQ(events->Wait(absl::ZeroDuration()), Result::kTimeout);
  mkdir(later.c_str(), 0755);
  EXPECT_EQ(events->Wait(kLong), Result::kHappened);
  Rest(*events);
  dir_.Put("later/x.so", "abc");
  EXPECT_EQ(events->Wait(kLong), Result::kHappened);
  EXPECT_THAT(notices_, IsEmpty()) << "that it is not there is no trouble";
}

TEST_F(InotifyFolderEventsTest, WatchesAFolderThatWasMadeAgain) {
  const std::string folder = dir_.folder() + "/again";
  mkdir(folder.c_str(), 0755);
  const auto events = Watch({folder});
  for (const bool moved : {false, true}) {
    if (moved) {
      rename(folder.c_str(), (folder + ".old").c_str());
    } else {
      rmdir(folder.c_str());
    }
    EXPECT_EQ(events->Wait(kLong), Result::kHappened);
    mkdir(folder.c_str(), 0755);
    EXPECT_EQ(events->Wait(kLong), Result::kHappened);
    Rest(*events);
    dir_.Put("again/x.so", "abc");
    EXPECT_EQ(events->Wait(kLong), Result::kHappened);
    unlink((folder + "/x.so").c_str());
    Rest(*events);
  }
}

TEST_F(InotifyFolderEventsTest, FollowsALinkThatIsSwapped) {
  mkdir(dir_.Path("a").c_str(), 0755);
  mkdir(dir_.Path("b").c_str(), 0755);
  const std::string link = dir_.Path("now");
  ASSERT_EQ(symlink("a", link.c_str()), 0);
  const auto events = Watch({link});
  ASSERT_EQ(symlink("b", dir_.Path("next").c_str()), 0);
  rename(dir_.Path("next").c_str(), link.c_str());
  EXPECT_EQ(events->Wait(kLong), Result::kHappened);
  Rest(*events);
  dir_.Put("a/x.so", "abc");
  EXPECT_EQ(events->Wait(absl::ZeroDuration()), Result::kTimeout);
  dir_.Put("b/x.so", "abc");
  EXPECT_EQ(events->Wait(kLong), Result::kHappened);
}

TEST_F(InotifyFolderEventsTest, WakesAtOnceAndForGood) {
  const auto events = Watch({dir_.folder()});
  std::thread waker([&] { events->Wake(); });
  EXPECT_EQ(events->Wait(absl::InfiniteDuration()), Result::kWoken);
  waker.join();
  dir_.Put("x.so", "abc");
  EXPECT_EQ(events->Wait(kLong), Result::kWoken);
}

// Descriptors run out in this process alone, as the system's limit of watches
// would for all.
TEST_F(InotifyFolderEventsTest, SaysOnceThatItCannotWatch) {
  // Nor must anything be called on `this` meanwhile: the undefined behaviour
  // sanitizer needs a descriptor to look whether it is what it says.
  std::vector<std::string>& notices = notices_;
  const std::vector<std::string> folders = {dir_.folder()};
  const InotifyFolderEvents::WriteNotice write_notice =
      [&notices](absl::string_view text) { notices.emplace_back(text); };
  // The lowest free descriptor stays for the wake-up; inotify finds none.
  const int lowest = FileDescriptor(dup(0)).get();
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none = {static_cast<rlim_t>(lowest) + 1, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto created = InotifyFolderEvents::Create(folders, write_notice);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_TRUE(created.ok());
  const auto& events = *created;
  EXPECT_THAT(notices_, ElementsAre(HasSubstr("cannot watch inotify: Too many "
                                              "open files; changes are found "
                                              "by plugins.scan_interval")));
  EXPECT_EQ(events->Wait(absl::ZeroDuration()), Result::kTimeout);
  EXPECT_EQ(events->Wait(absl::Milliseconds(1)), Result::kTimeout);
  EXPECT_THAT(notices_, testing::SizeIs(1));
  events->Wake();
  EXPECT_EQ(events->Wait(kLong), Result::kWoken);
}

}  // namespace
}  // namespace weir
