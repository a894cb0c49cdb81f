#include "host/plugin/module_store.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/plugin_dir.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

namespace fs = std::filesystem;

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// Of "abc", from FIPS 180-2.
constexpr char kSha256OfAbc[] =
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

class ModuleStoreTest : public testing::Test {
 protected:
  ModuleStoreTest() : store_(*ModuleStore::Open(dir_.state())) {}

  absl::StatusOr<StoredModule> Add(const std::string& path) {
    return store_->Add(path, PluginDir::Owners());
  }
  // All files of the store.
  std::vector<std::string> Stored() const {
    std::vector<std::string> files;
    for (const auto& entry :
         fs::recursive_directory_iterator(dir_.state() + "/store")) {
      if (!entry.is_directory()) files.push_back(entry.path().string());
    }
    return files;
  }
  std::vector<std::string> Entries() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(dir_.state() + "/store")) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  }

  const PluginDir dir_;
  const std::unique_ptr<ModuleStore> store_;
};

struct stat StatusOf(const std::string& path) {
  struct stat status = {};
  stat(path.c_str(), &status);
  return status;
}

TEST_F(ModuleStoreTest, KeepsAFileByItsDigest) {
  const std::string path = dir_.Put("x.so", "abc");
  const auto module = Add(path);
  ASSERT_THAT(module, IsOk());
  EXPECT_EQ(module->origin, path);
  EXPECT_EQ(module->sha256, kSha256OfAbc);
  EXPECT_EQ(module->path,
            absl::StrCat(dir_.state(), "/store/", kSha256OfAbc, "/x.so"));
  EXPECT_EQ(PluginDir::Read(module->path), "abc");
  EXPECT_EQ(StatusOf(module->path).st_mode & 07777, 0444u);
}

TEST_F(ModuleStoreTest, KeepsWhatItTookWhateverBecomesOfTheFile) {
  const auto module = Add(dir_.Put("x.so", "abc"));
  ASSERT_THAT(module, IsOk());
  dir_.Put("x.so", "");
  EXPECT_EQ(PluginDir::Read(module->path), "abc");
  unlink(dir_.Path("x.so").c_str());
  EXPECT_EQ(PluginDir::Read(module->path), "abc");
}

TEST_F(ModuleStoreTest, HasOneEntryForTheSameBytes) {
  const auto first = Add(dir_.Put("x.so", "abc"));
  const auto again = Add(dir_.Put("x.so", "abc"));
  const auto other_name = Add(dir_.Put("y.so", "abc"));
  ASSERT_THAT(other_name, IsOk());
  EXPECT_EQ(again->path, first->path);
  EXPECT_EQ(other_name->path, first->path);
  EXPECT_EQ(other_name->origin, dir_.Path("y.so"));
  EXPECT_THAT(Stored(), SizeIs(1));
}

TEST_F(ModuleStoreTest, ReplacesAnEntryThatWasDamaged) {
  const auto module = Add(dir_.Put("x.so", "abc"));
  ASSERT_THAT(module, IsOk());
  chmod(module->path.c_str(), 0644);
  std::ofstream(module->path) << "abd";
  EXPECT_THAT(store_->Find(kSha256OfAbc),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no such")));
  ASSERT_THAT(Add(dir_.Path("x.so")), IsOk());
  EXPECT_EQ(PluginDir::Read(module->path), "abc");
}

TEST_F(ModuleStoreTest, FindsAnEntryByItsDigestAfterARestart) {
  ASSERT_THAT(Add(dir_.Put("x.so", "abc")), IsOk());
  const auto store = *ModuleStore::Open(dir_.state());
  const auto found = store->Find(kSha256OfAbc);
  ASSERT_THAT(found, IsOk());
  EXPECT_EQ(PluginDir::Read(found->path), "abc");
  for (const std::string& bad : {std::string(), std::string("../run"),
                                 std::string(64, '0'), std::string(64, '.')}) {
    EXPECT_THAT(store->Find(bad),
                StatusIs(absl::StatusCode::kNotFound, HasSubstr(bad)));
  }
}

TEST_F(ModuleStoreTest, MakesRunCopiesThatShareNoInode) {
  const auto module = Add(dir_.Put("x.so", "abc"));
  ASSERT_THAT(module, IsOk());
  const auto first = store_->MakeRunCopy(*module, "x", 1);
  const auto second = store_->MakeRunCopy(*module, "x", 2);
  ASSERT_THAT(second, IsOk());
  EXPECT_EQ(*second, dir_.state() + "/run/x.2.so");
  EXPECT_EQ(PluginDir::Read(*second), "abc");
  EXPECT_EQ(StatusOf(*second).st_mode & 07777, 0500u);
  EXPECT_NE(StatusOf(*first).st_ino, StatusOf(*second).st_ino);
  EXPECT_NE(StatusOf(*first).st_ino, StatusOf(module->path).st_ino);
}

TEST_F(ModuleStoreTest, ReplacesARunCopyThatIsLeft) {
  const auto module = Add(dir_.Put("x.so", "abc"));
  std::ofstream(dir_.state() + "/run/x.1.so") << "old";
  const auto copy = store_->MakeRunCopy(*module, "x", 1);
  ASSERT_THAT(copy, IsOk());
  EXPECT_EQ(PluginDir::Read(*copy), "abc");
}

TEST_F(ModuleStoreTest, RemovesAtStartWhatAnEarlierProcessLeft) {
  const auto module = Add(dir_.Put("x.so", "abc"));
  const std::string run = *store_->MakeRunCopy(*module, "x", 1);
  const std::string half = dir_.state() + "/store/.new-a1B2c3";
  const std::string empty = dir_.state() + "/store/" + std::string(64, '0');
  std::ofstream(half) << "ab";
  mkdir(empty.c_str(), 0700);
  ASSERT_THAT(ModuleStore::Open(dir_.state()), IsOk());
  EXPECT_FALSE(fs::exists(run));
  EXPECT_FALSE(fs::exists(half));
  EXPECT_FALSE(fs::exists(empty));
  EXPECT_TRUE(fs::exists(module->path));
}

TEST_F(ModuleStoreTest, KeepsOnlyWhatItIsTold) {
  const auto keep = Add(dir_.Put("x.so", "abc"));
  const auto drop = Add(dir_.Put("x.so", "abcd"));
  const std::string foreign = dir_.state() + "/store/README";
  std::ofstream(foreign) << "not an entry";
  ASSERT_THAT(store_->Keep({keep->sha256, "unknown"}), IsOk());
  EXPECT_TRUE(fs::exists(keep->path));
  EXPECT_FALSE(fs::exists(fs::path(drop->path).parent_path()));
  EXPECT_TRUE(fs::exists(foreign));
  EXPECT_THAT(
      store_->MakeRunCopy(*drop, "x", 1),
      StatusIs(absl::StatusCode::kNotFound, HasSubstr("x.so: store.read: ")));
}

TEST_F(ModuleStoreTest, RefusesWhatIsNoPluginFile) {
  dir_.Put("open.so", "abc", 0666);
  dir_.Put("large.so", "");
  ASSERT_EQ(truncate(dir_.Path("large.so").c_str(), (256 << 20) + 1), 0);
  mkdir(dir_.Path("dir.so").c_str(), 0755);
  ASSERT_EQ(mkfifo(dir_.Path("pipe.so").c_str(), 0644), 0);
  // A socket, without the length limit of a socket's address.
  ASSERT_EQ(mknod(dir_.Path("socket.so").c_str(), S_IFSOCK | 0644, 0), 0);
  ASSERT_EQ(symlink("loop.so", dir_.Path("loop.so").c_str()), 0);
  ASSERT_EQ(symlink("gone", dir_.Path("nowhere.so").c_str()), 0);
  struct Case {
    const char* name;
    absl::StatusCode code;
    const char* want;
  };
  for (const Case& c : std::vector<Case>{
           {"open.so", absl::StatusCode::kPermissionDenied,
            "open.so: file.mode: everybody may write it"},
           {"large.so", absl::StatusCode::kInvalidArgument,
            "large.so: file.size: 268435457 bytes; the limit is 268435456"},
           {"dir.so", absl::StatusCode::kInvalidArgument,
            "dir.so: file.type: a directory"},
           {"pipe.so", absl::StatusCode::kInvalidArgument,
            "pipe.so: file.type: a pipe"},
           {"socket.so", absl::StatusCode::kInvalidArgument,
            "socket.so: file.type: a socket"},
           {"loop.so", absl::ErrnoToStatusCode(ELOOP),
            "loop.so: file.open: cannot be read"},
           {"nowhere.so", absl::StatusCode::kNotFound,
            "nowhere.so: file.open: cannot be read"},
           {"missing.so", absl::StatusCode::kNotFound,
            "missing.so: file.open: cannot be read"},
       }) {
    EXPECT_THAT(Add(dir_.Path(c.name)), StatusIs(c.code, HasSubstr(c.want)))
        << c.name;
  }
  EXPECT_THAT(Add("/dev/null.so"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/dev/null.so")));
  EXPECT_THAT(Entries(), IsEmpty());
}

TEST_F(ModuleStoreTest, RefusesAnOwnerThatIsNotAllowed) {
  const std::string path = dir_.Put("x.so", "abc");
  for (const auto& owners :
       std::vector<std::vector<uid_t>>{{}, {getuid() + 1}}) {
    EXPECT_THAT(store_->Add(path, owners),
                StatusIs(absl::StatusCode::kPermissionDenied,
                         HasSubstr("file.owner: owned by user")));
  }
}

TEST_F(ModuleStoreTest, RefusesAFolderThatEverybodyMayWrite) {
  const std::string path = dir_.Put("x.so", "abc");
  chmod(dir_.folder().c_str(), 0777);
  EXPECT_THAT(Add(path), StatusIs(absl::StatusCode::kPermissionDenied,
                                  HasSubstr("/plugins: file.mode")));
}

// As a ConfigMap is mounted: x.so -> ..data/x.so, ..data -> ..1/.
TEST_F(ModuleStoreTest, FollowsALinkThatStaysBelowItsFolder) {
  mkdir(dir_.Path("..1").c_str(), 0755);
  dir_.Put("..1/x.so", "abc");
  ASSERT_EQ(symlink("..1", dir_.Path("..data").c_str()), 0);
  ASSERT_EQ(symlink("..data/x.so", dir_.Path("x.so").c_str()), 0);
  const auto module = Add(dir_.Path("x.so"));
  ASSERT_THAT(module, IsOk());
  EXPECT_EQ(module->sha256, kSha256OfAbc);

  chmod(dir_.Path("..1").c_str(), 0777);
  EXPECT_THAT(Add(dir_.Path("x.so")),
              StatusIs(absl::StatusCode::kPermissionDenied,
                       HasSubstr("/..1: file.mode: everybody may write it")))
      << "whoever can write there could put another file in its place";
  chmod(dir_.Path("..1").c_str(), 0755);
  chmod(dir_.Path("..1/x.so").c_str(), 0666);
  EXPECT_THAT(Add(dir_.Path("x.so")),
              StatusIs(absl::StatusCode::kPermissionDenied,
                       HasSubstr("x.so: file.mode: everybody")));
}

TEST_F(ModuleStoreTest, RefusesALinkThatLeavesItsFolder) {
  std::ofstream(dir_.folder() + ".so") << "abc";
  for (const std::string& target :
       {std::string("../plugins.so"), dir_.folder() + ".so"}) {
    unlink(dir_.Path("x.so").c_str());
    ASSERT_EQ(symlink(target.c_str(), dir_.Path("x.so").c_str()), 0);
    EXPECT_THAT(Add(dir_.Path("x.so")),
                StatusIs(absl::StatusCode::kPermissionDenied,
                         HasSubstr("x.so: file.link: leads to ")))
        << target;
  }
}

TEST_F(ModuleStoreTest, FollowsALinkToTheFolderItself) {
  dir_.Put("x.so", "abc");
  const std::string link = dir_.folder() + "-now";
  ASSERT_EQ(symlink("plugins", link.c_str()), 0);
  EXPECT_THAT(Add(link + "/x.so"), IsOk());
}

TEST_F(ModuleStoreTest, TakesAFileWholeOrNotAtAllWhileOthersWriteIt) {
  const std::string a(3 << 20, 'a'), b(2 << 20, 'b');
  dir_.Put("x.so", a);
  const std::string of_a = Add(dir_.Path("x.so"))->sha256;
  dir_.Put("x.so", b);
  const std::string of_b = Add(dir_.Path("x.so"))->sha256;
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    for (int i = 0; !stop; ++i) {
      dir_.Put(".new", i % 2 == 0 ? a : b);
      fs::rename(dir_.Path(".new"), dir_.Path("x.so"));
    }
  });
  for (int i = 0; i < 50; ++i) {
    const auto module = Add(dir_.Path("x.so"));
    if (module.ok()) {
      EXPECT_TRUE(module->sha256 == of_a || module->sha256 == of_b);
    } else {
      // A rename over the open file changes its number of links.
      EXPECT_THAT(module, StatusIs(absl::StatusCode::kAborted,
                                   HasSubstr("x.so: file.changing: ")));
    }
  }
  stop = true;
  writer.join();
  EXPECT_THAT(Stored(), SizeIs(2));
}

TEST_F(ModuleStoreTest, RefusesAFileThatIsStillBeingWritten) {
  dir_.Put("x.so", "");
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    const std::string step(4096, 'x');
    while (!stop) {
      std::ofstream file(dir_.Path("x.so"), std::ios::trunc);
      for (int i = 0; i < 1000 && !stop; ++i) file << step << std::flush;
    }
  });
  // A look may fall where the writer rests.
  absl::Status status;
  while (status.ok()) {
    status = Add(dir_.Path("x.so")).status();
    ASSERT_THAT(store_->Keep({}), IsOk());
  }
  stop = true;
  writer.join();
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kAborted,
                       HasSubstr("x.so: file.changing: still being written")));
}

TEST_F(ModuleStoreTest, TakesTheSameBytesFromManyThreadsAtOnce) {
  dir_.Put("x.so", std::string(1 << 20, 'x'));
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this, i] {
      for (uint64_t round = 0; round < 20; ++round) {
        const auto module = Add(dir_.Path("x.so"));
        ASSERT_THAT(module, IsOk());
        ASSERT_THAT(store_->MakeRunCopy(*module, std::to_string(i), round),
                    IsOk());
        ASSERT_THAT(store_->Find(module->sha256), IsOk());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(Stored(), SizeIs(1));
}

TEST_F(ModuleStoreTest, SaysThatItCannotBeWritten) {
  std::ofstream(dir_.folder() + "/store") << "a file where the store should be";
  EXPECT_THAT(
      ModuleStore::Open(dir_.folder()),
      StatusIs(absl::StatusCode::kUnavailable, HasSubstr("store.write: ")));
  EXPECT_THAT(ModuleStore::Open(dir_.folder() + "/nowhere"),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("/nowhere/store: No such file")));
}

// Runs `body` in a child, because what it does to the process is for good.
// Returns its answer, a small number.
int InAChild(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = -1;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

constexpr int kPassed = 0, kFailed = 1, kNotPermitted = 2;

int Verdict(const absl::Status& status, absl::StatusCode code,
            absl::string_view words) {
  if (status.code() == code && absl::StrContains(status.message(), words)) {
    return kPassed;
  }
  std::cerr << status << "\n";
  return kFailed;
}

TEST_F(ModuleStoreTest, LeavesNothingHalfAtALimitForFiles) {
  const std::string path = dir_.Put("x.so", std::string(100'000, 'x'));
  EXPECT_EQ(InAChild([&] {
              std::signal(SIGXFSZ, SIG_IGN);
              const rlimit limit = {65'536, 65'536};
              setrlimit(RLIMIT_FSIZE, &limit);
              return Verdict(Add(path).status(),
                             absl::StatusCode::kResourceExhausted,
                             "x.so: store.write: ");
            }),
            kPassed);
  EXPECT_THAT(Entries(), IsEmpty());
  EXPECT_THAT(Add(path), IsOk());
}

// Mounts a file system of 64 KiB over the state directory, for this process.
bool MountSmall(const std::string& state, unsigned long flags) {
  return unshare(CLONE_NEWNS) == 0 &&
         mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         mount("tmpfs", state.c_str(), "tmpfs", flags, "size=64k") == 0;
}

TEST_F(ModuleStoreTest, LeavesNothingHalfOnAFullDisk) {
  const std::string path = dir_.Put("x.so", std::string(100'000, 'x'));
  const std::string small = dir_.Put("y.so", "abc");
  const int verdict = InAChild([&] {
    if (!MountSmall(dir_.state(), 0)) return kNotPermitted;
    const auto store = ModuleStore::Open(dir_.state());
    if (!store.ok()) return kFailed;
    const auto full = (*store)->Add(path, PluginDir::Owners());
    if (!Entries().empty()) return kFailed;
    // What did not fit takes no room from what does.
    if (!(*store)->Add(small, PluginDir::Owners()).ok()) return kFailed;
    return Verdict(full.status(), absl::StatusCode::kResourceExhausted,
                   "x.so: store.write: ");
  });
  if (verdict == kNotPermitted) GTEST_SKIP() << "may not mount a file system";
  EXPECT_EQ(verdict, kPassed);
}

TEST_F(ModuleStoreTest, SaysThatTheDiskIsReadOnly) {
  const int verdict = InAChild([&] {
    if (!MountSmall(dir_.state(), MS_RDONLY)) return kNotPermitted;
    return Verdict(ModuleStore::Open(dir_.state()).status(),
                   absl::StatusCode::kUnavailable, "Read-only file system");
  });
  if (verdict == kNotPermitted) GTEST_SKIP() << "may not mount a file system";
  EXPECT_EQ(verdict, kPassed);
}

}  // namespace
}  // namespace weir
