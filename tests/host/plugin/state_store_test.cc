#include "host/plugin/state_store.h"

#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/plugin/desired_state.h"
#include "tests/support/short_temp_dir.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

// All fields, each of which tells `number`.
DesiredState StateNumber(int64_t number) {
  DesiredState state;
  state.desired = number % 2 == 0 ? DesiredState::Desired::kLoaded
                                  : DesiredState::Desired::kStopped;
  state.paused = number % 2 == 0;
  state.demotions = {{.sha256 = absl::StrCat("y", number),
                      .reason = "SIGSEGV",
                      .time = absl::FromUnixNanos(number)},
                     {.sha256 = absl::StrCat("x", number),
                      .reason = "SIGABRT",
                      .time = absl::FromUnixNanos(number + 1)}};
  state.pinned_module = absl::StrCat("counts_", number, ".so");
  state.pinned_sha256 = absl::StrCat("a", number);
  state.previous_sha256 = absl::StrCat("b", number);
  state.quarantine = {.sha256 = absl::StrCat("c", number),
                      .reason = absl::StrCat("it's the ", number, "th crash"),
                      .actor = "operator:alice",
                      .time = absl::FromUnixNanos(number)};
  const auto revision = static_cast<uint64_t>(2 * number + 1);
  state.revisions = {{.number = revision,
                      .config_json = absl::StrCat("{\"n\":", number, "}"),
                      .config_set = true,
                      .settings_set = std::string("\0\xff", 2),
                      .file_config_sha256 = "d",
                      .file_settings_sha256 = "e",
                      .actor = "operator:bob",
                      .time = absl::FromUnixNanos(number)},
                     {.number = revision + 1, .config_json = "{}"}};
  state.revisions[1].time = absl::UnixEpoch();
  state.previous_revision = revision;
  return state;
}

class StateStoreTest : public testing::Test {
 protected:
  // The store in the file; ends the test's process if there is none.
  std::unique_ptr<StateStore> Open() {
    auto store = StateStore::Open(path_);
    EXPECT_THAT(store, IsOk());
    return *std::move(store);
  }

  std::string Bytes() const {
    std::ifstream in(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void SetBytes(const std::string& bytes) const {
    std::ofstream(path_, std::ios::binary) << bytes;
  }

  // Runs SQL on the file, as another program would.
  void Sql(const char* sql) const {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, sql, nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(database);
    sqlite3_close(database);
  }

  const ShortTempDir dir_;
  const std::string path_ = dir_.path() + "/plugins.db";
};

TEST_F(StateStoreTest, KeepsEveryFieldThroughAReopen) {
  {
    const auto store = Open();
    EXPECT_THAT(store->ReadAll(), IsOkAndHolds(IsEmpty()));
    EXPECT_THAT(store->Write("counts", StateNumber(1)), IsOk());
    EXPECT_THAT(store->Write("plain", {}), IsOk());
  }
  EXPECT_THAT(Open()->ReadAll(), IsOkAndHolds(UnorderedElementsAre(
                                     Pair("counts", StateNumber(1)),
                                     Pair("plain", DesiredState()))));
}

TEST_F(StateStoreTest, ReplacesAndForgetsOneSlotAlone) {
  const auto store = Open();
  for (const char* id : {"a", "b", "c"}) {
    EXPECT_THAT(store->Write(id, StateNumber(1)), IsOk());
  }
  EXPECT_THAT(store->Write("b", {}), IsOk());  // Ends the quarantine, too.
  EXPECT_THAT(store->Forget("c"), IsOk());
  EXPECT_THAT(store->Forget("never there"), IsOk());
  EXPECT_THAT(store->ReadAll(),
              IsOkAndHolds(UnorderedElementsAre(Pair("a", StateNumber(1)),
                                                Pair("b", DesiredState()))));
}

TEST_F(StateStoreTest, KeepsTheRevisionsOfEachSlotThatAreToldAndThePrevious) {
  const auto store = Open();
  DesiredState state = StateNumber(2);
  EXPECT_THAT(store->Write("a", state), IsOk());
  EXPECT_THAT(store->Write("b", StateNumber(1)), IsOk());
  state.previous_revision = 6;
  state.revisions.erase(state.revisions.begin());
  state.revisions.push_back({.number = 7, .time = absl::UnixEpoch()});
  EXPECT_THAT(store->Write("a", state), IsOk());
  EXPECT_THAT(store->ReadAll(),
              IsOkAndHolds(UnorderedElementsAre(Pair("a", state),
                                                Pair("b", StateNumber(1)))));
  EXPECT_THAT(store->Forget("a"), IsOk());
  EXPECT_THAT(store->Write("a", {}), IsOk());
  EXPECT_THAT(store->ReadAll(),
              IsOkAndHolds(UnorderedElementsAre(Pair("a", DesiredState()),
                                                Pair("b", StateNumber(1)))));
}

TEST_F(StateStoreTest, TakesOverTheTablesOfTheVersionBefore) {
  Sql("CREATE TABLE schema_version (version INTEGER NOT NULL) STRICT;"
      "INSERT INTO schema_version VALUES (1);"
      "CREATE TABLE plugin (id TEXT PRIMARY KEY NOT NULL,"
      " loaded INTEGER NOT NULL, paused INTEGER NOT NULL,"
      " demoted INTEGER NOT NULL, pinned_module TEXT NOT NULL,"
      " pinned_sha256 TEXT NOT NULL, previous_sha256 TEXT NOT NULL,"
      " quarantine_sha256 TEXT, quarantine_reason TEXT,"
      " quarantine_actor TEXT, quarantine_time_ns INTEGER)"
      " STRICT, WITHOUT ROWID;"
      "INSERT INTO plugin VALUES ('old', 0, 1, 0, '', 'aa', 'bb',"
      " NULL, NULL, NULL, NULL);");
  DesiredState old;
  old.desired = DesiredState::Desired::kStopped;
  old.paused = true;
  old.pinned_sha256 = "aa";
  old.previous_sha256 = "bb";
  {
    const auto store = Open();
    EXPECT_THAT(store->ReadAll(),
                IsOkAndHolds(UnorderedElementsAre(Pair("old", old))));
    EXPECT_THAT(store->Write("new", StateNumber(1)), IsOk());
  }
  EXPECT_THAT(Open()->ReadAll(),
              IsOkAndHolds(UnorderedElementsAre(Pair("old", old),
                                                Pair("new", StateNumber(1)))));
}

TEST_F(StateStoreTest, LetsNobodyElseReadTheSecretsInIt) {
  using std::filesystem::perms;
  const auto mode = [this] {
    return std::filesystem::status(path_).permissions();
  };
  Open();
  EXPECT_EQ(mode(), perms(0600));
  std::filesystem::permissions(path_, perms(0644));
  Open();
  EXPECT_EQ(mode(), perms(0600)) << "one of before";
}

TEST_F(StateStoreTest, TakesTextAsItIs) {
  const auto store = Open();
  DesiredState state;
  state.quarantine = {
      .reason = std::string("x'); DROP TABLE plugin; --\0y", 27),
      .time = absl::UnixEpoch()};
  EXPECT_THAT(store->Write("counts", state), IsOk());
  EXPECT_THAT(store->ReadAll(),
              IsOkAndHolds(UnorderedElementsAre(Pair("counts", state))));
}

// The writer tells the number of each state that is kept, from `first` on,
// until it is killed.
[[noreturn]] void WriteUntilKilled(const std::string& path, int64_t first,
                                   int tell) {
  const auto store = StateStore::Open(path);
  for (int64_t number = first; store.ok(); ++number) {
    if (!(*store)->Write("counts", StateNumber(number)).ok()) break;
    if (write(tell, &number, sizeof number) != sizeof number) break;
  }
  _exit(1);
}

TEST_F(StateStoreTest, AKilledWriterLosesNothingThatItWasToldIsKept) {
  for (int round = 0; round < 10; ++round) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const pid_t writer = fork();
    ASSERT_GE(writer, 0);
    if (writer == 0) {
      close(ends[0]);
      // Numbers of revisions grow for ever, so each round goes on far behind
      // where the one before can have come.
      WriteUntilKilled(path_, 1 + round * int64_t{1'000'000}, ends[1]);
    }
    close(ends[1]);
    int64_t kept = 0;
    for (int reads = 0; reads <= round; ++reads) {
      ASSERT_EQ(read(ends[0], &kept, sizeof kept), ssize_t{sizeof kept});
    }
    ASSERT_EQ(kill(writer, SIGKILL), 0);
    ASSERT_EQ(waitpid(writer, nullptr, 0), writer);
    // It may have gone on until it died, and died before it could tell.
    while (read(ends[0], &kept, sizeof kept) == ssize_t{sizeof kept}) {
    }
    close(ends[0]);
    EXPECT_THAT(
        Open()->ReadAll(),
        IsOkAndHolds(testing::AnyOf(
            UnorderedElementsAre(Pair("counts", StateNumber(kept))),
            UnorderedElementsAre(Pair("counts", StateNumber(kept + 1))))));
  }
}

TEST_F(StateStoreTest, RefusesADamagedFileAndLeavesItAsItIs) {
  {
    const auto store = Open();
    EXPECT_THAT(store->Write("counts", StateNumber(1)), IsOk());
  }
  const std::string good = Bytes();
  ASSERT_EQ(good.size(), 5 * 4096u);
  struct Case {
    const char* why;
    std::string bytes;
  };
  for (const Case& c : std::vector<Case>{
           {"no database", std::string(10000, 'x')},
           {"cut within its header", good.substr(0, 99)},
           {"its last page is missing", good.substr(0, 4 * 4096)},
           {"the page of the schema is overwritten",
            good.substr(0, 100) + std::string(3996, '\xff') +
                good.substr(4096)},
           {"the page of the plugins is overwritten",
            good.substr(0, 2 * 4096) + std::string(4096, '\xff') +
                good.substr(3 * 4096)},
           {"the page of the configurations is overwritten",
            good.substr(0, 3 * 4096) + std::string(4096, '\xff') +
                good.substr(4 * 4096)},
           {"the page of the demotions is overwritten",
            good.substr(0, 4 * 4096) + std::string(4096, '\xff')},
           {"a flag is neither yes nor no",
            [&] {
              std::string bytes = good;
              const size_t at = bytes.find("countscounts_1.so");
              EXPECT_NE(at, std::string::npos);
              // The row's header, before its text: 9 is the number 1.
              const size_t flag = bytes.rfind('\x09', at);
              EXPECT_NE(flag, std::string::npos);
              bytes[flag] = '\x0d';  // An empty text.
              return bytes;
            }()},
       }) {
    SetBytes(c.bytes);
    EXPECT_THAT(StateStore::Open(path_),
                StatusIs(absl::StatusCode::kDataLoss,
                         AllOf(HasSubstr(path_), HasSubstr("damaged"),
                               HasSubstr("restore a backup"))))
        << c.why;
    EXPECT_EQ(Bytes(), c.bytes) << c.why;
  }
}

TEST_F(StateStoreTest, RefusesWhatANewerWeirWrote) {
  Open();
  Sql("UPDATE schema_version SET version = 4");
  EXPECT_THAT(StateStore::Open(path_),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("schema 4; this one knows 3"),
                             HasSubstr("start the newer one"))));
}

TEST_F(StateStoreTest, RefusesTablesThatAreNotItsOwn) {
  Sql("CREATE TABLE customers (name TEXT)");
  EXPECT_THAT(StateStore::Open(path_),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("a database of something else")));
}

TEST_F(StateStoreTest, RefusesAFileWithoutTheTableOfPlugins) {
  Open();
  Sql("DROP TABLE plugin");
  EXPECT_THAT(StateStore::Open(path_),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("plugin")));
}

TEST_F(StateStoreTest, BelongsToOneAtATime) {
  {
    const auto store = Open();
    EXPECT_THAT(StateStore::Open(path_),
                StatusIs(absl::StatusCode::kFailedPrecondition,
                         HasSubstr("another process has it open")));
    EXPECT_THAT(store->Write("counts", {}), IsOk());
  }
  EXPECT_THAT(StateStore::Open(path_), IsOk());
}

TEST_F(StateStoreTest, NamesADirectoryThatIsNotThere) {
  EXPECT_THAT(StateStore::Open(dir_.path() + "/none/plugins.db"),
              StatusIs(absl::StatusCode::kNotFound,
                       HasSubstr(dir_.path() + "/none must exist")));
}

// Whoever runs as root may write everywhere; this is nobody for a while.
class AsNobody {
 public:
  AsNobody() : changed_(geteuid() == 0 && seteuid(65534) == 0) {}
  ~AsNobody() {
    if (changed_ && seteuid(0) != 0) std::abort();
  }
  AsNobody(const AsNobody&) = delete;
  AsNobody& operator=(const AsNobody&) = delete;

 private:
  const bool changed_;
};

TEST_F(StateStoreTest, NamesWhatItMayNotWrite) {
  Open();
  std::filesystem::permissions(dir_.path(), std::filesystem::perms(0777));
  std::filesystem::permissions(path_, std::filesystem::perms(0444));
  const AsNobody nobody;
  if (geteuid() == 0) {
    GTEST_SKIP() << "root, and cannot be anybody else here";
  }
  EXPECT_THAT(StateStore::Open(path_),
              StatusIs(absl::StatusCode::kPermissionDenied,
                       AllOf(HasSubstr(path_), HasSubstr("writable"))));
}

TEST_F(StateStoreTest, NamesADirectoryThatItMayNotWrite) {
  Open();
  std::filesystem::permissions(dir_.path(), std::filesystem::perms(0555));
  const AsNobody nobody;
  if (geteuid() == 0) {
    GTEST_SKIP() << "root, and cannot be anybody else here";
  }
  EXPECT_THAT(StateStore::Open(path_),
              StatusIs(absl::StatusCode::kPermissionDenied,
                       HasSubstr("the directory " + dir_.path())));
}

TEST_F(StateStoreTest, ServesManyThreads) {
  const auto store = Open();
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&store, thread] {
      for (int i = 0; i < 10; ++i) {
        EXPECT_THAT(store->Write(absl::StrCat("p", thread), StateNumber(i)),
                    IsOk());
        EXPECT_THAT(store->ReadAll(), IsOk());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(store->ReadAll()->size(), 4u);
}

constexpr int kNotPermitted = 77;

// Runs in a process of its own, with a disk of 128 KiB at `dir`. Returns what
// is wrong, for people; kNotPermitted if there may be no such disk.
int FillTheDisk(const std::string& dir) {
  if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
    return kNotPermitted;
  }
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      mount("none", dir.c_str(), "tmpfs", 0, "size=128k") != 0) {
    return kNotPermitted;
  }
  const std::string ballast = dir + "/ballast";
  std::ofstream(ballast) << std::string(64 << 10, 'x');
  const auto store = StateStore::Open(dir + "/plugins.db");
  if (!store.ok()) return 1;
  if (!(*store)->Write("first", StateNumber(1)).ok()) return 2;
  absl::Status status;
  DesiredState large;
  large.pinned_module = std::string(8 << 10, 'x');
  int written = 0;
  while (status.ok() && written < 100) {
    status = (*store)->Write(absl::StrCat("large", written++), large);
  }
  if (status.code() != absl::StatusCode::kResourceExhausted) return 3;
  if (status.message().find("make room") == std::string::npos) return 4;
  const auto kept = (*store)->ReadAll();
  if (!kept.ok() || kept->size() != static_cast<size_t>(written)) return 5;
  if (kept->at("first") != StateNumber(1)) return 6;
  std::filesystem::remove(ballast);
  return (*store)->Write("last", {}).ok() ? 0 : 7;
}

TEST_F(StateStoreTest, SaysThatTheDiskIsFullAndGoesOnWhenThereIsRoom) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) _exit(FillTheDisk(dir_.path()));
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == kNotPermitted) {
    GTEST_SKIP() << "no small disk may be mounted here";
  }
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace weir
