#include "host/plugin/crash_page.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/plugin/crash_report.h"
#include "tests/support/short_temp_dir.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// 0 for ever, but no compiler knows; some refuse what never ends.
volatile int enough = 0;

int RunOver(int depth) {
  volatile char room[1024];
  room[0] = static_cast<char>(depth);
  if (enough != 0) return 0;
  return RunOver(depth + 1) + room[0];
}

class CrashPageTest : public testing::Test {
 protected:
  std::unique_ptr<CrashPage> Open() {
    auto page = CrashPage::Open(path_);
    EXPECT_THAT(page, IsOk());
    return *std::move(page);
  }

  // Runs `die` in a process of its own, which watches for crashes. Returns what
  // waitpid says of its end.
  int Die(const std::function<void()>& die) {
    const pid_t pid = fork();
    if (pid == 0) {
      const auto page = Open();
      page->Watch(
          [](const void*, size_t) { return absl::string_view("UPDATE"); },
          [](const void*, size_t) { return absl::string_view("ris"); },
          nullptr);
      UseCrashStack();
      setpgid(0, 0);  // It may end its group.
      die();
      syscall(SYS_exit_group, 0);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    return status;
  }

  // Runs `die` as code of plugins/x, with the second of three messages in hand.
  int DieInPlugin(const std::function<void()>& die) {
    return Die([&] {
      const std::string payload = "{\"a\": 1}and decoded";
      const weir_field field = {1, 2, 0, 8, 3, 1};
      Message messages[3] = {};
      const Message* pointers[3];
      for (size_t i = 0; i < 3; ++i) {
        weir_msg& view = messages[i].view;
        view.struct_size = sizeof(weir_msg);
        view.seq = 100 + i;
        view.base = reinterpret_cast<const uint8_t*>(payload.data());
        view.base_len = 8;
        view.data_len = static_cast<uint32_t>(payload.size());
        view.fields = &field;
        view.n_fields = 1;
        pointers[i] = &messages[i];
      }
      std::atomic<uint32_t> done{1};
      const PluginTag tag("plugins/x", "aa", 7);
      const InPluginCode code(tag, pointers, &done);
      die();
    });
  }

  const ShortTempDir dir_;
  const std::string path_ = dir_.path() + "/crash_page";
};

TEST_F(CrashPageTest, NamesThePluginAndItsMessageToTheNextProcess) {
  const int status = DieInPlugin([] { raise(SIGSEGV); });
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGSEGV) << "it dies as it would have";
  const auto page = Open();
  const auto crash = page->Take();
  ASSERT_TRUE(crash.has_value());
  EXPECT_EQ(crash->plugin, "plugins/x");
  EXPECT_EQ(crash->sha256, "aa");
  EXPECT_EQ(crash->generation, 7u);
  EXPECT_EQ(crash->type, "UPDATE");
  EXPECT_EQ(crash->source, "ris");
  EXPECT_EQ(crash->death.cause, "SIGSEGV");
  EXPECT_THAT(crash->death.frames, Not(IsEmpty()));
  ASSERT_TRUE(crash->death.message.has_value());
  const MessageCopy& message = *crash->death.message;
  EXPECT_EQ(message.seq, 101u);
  EXPECT_TRUE(message.whole);
  EXPECT_EQ(message.payload(), "{\"a\": 1}");
  EXPECT_EQ(message.bytes, "{\"a\": 1}and decoded");
  ASSERT_EQ(message.fields.size(), 1u);
  EXPECT_EQ(message.fields[0].off, 8u);
  EXPECT_FALSE(page->Take().has_value()) << "it is told once";
}

TEST_F(CrashPageTest, TellsOfEveryWayToDieThatASignalTells) {
  struct Case {
    const char* cause;
    std::function<void()> die;
  };
  for (const Case& c : std::vector<Case>{
           {"SIGABRT", [] { std::abort(); }},
           {"SIGILL", [] { raise(SIGILL); }},
           {"SIGFPE", [] { raise(SIGFPE); }},
           {"SIGSEGV", [] { RunOver(0); }},
           {"exit", [] { std::exit(0); }},
           {"exit", [] { std::quick_exit(0); }},
           {"_exit", [] { _exit(3); }},
           {"_exit", [] { std::_Exit(3); }},
           {"SIGKILL", [] { kill(getpid(), SIGKILL); }},
           {"SIGKILL", [] { raise(SIGKILL); }},
           {"SIGTERM", [] { kill(0, SIGTERM); }},
       }) {
    DieInPlugin(c.die);
    const auto crash = Open()->Take();
    ASSERT_TRUE(crash.has_value()) << c.cause;
    EXPECT_EQ(crash->death.cause, c.cause);
    ASSERT_TRUE(crash->death.message.has_value()) << c.cause;
    EXPECT_EQ(crash->death.message->seq, 101u);
  }
}

TEST_F(CrashPageTest, BlamesNoPluginForWhatIsNotIts) {
  EXPECT_TRUE(WIFSIGNALED(Die([] {
    {
      const PluginTag tag("plugins/x", "aa", 7);
      const InPluginCode code(tag);
    }
    std::abort();
  })));
  EXPECT_FALSE(Open()->Take().has_value());
  EXPECT_TRUE(WIFEXITED(Die([] { std::exit(0); })));
  EXPECT_FALSE(Open()->Take().has_value());
  DieInPlugin([] { syscall(SYS_kill, getpid(), SIGKILL); });
  EXPECT_FALSE(Open()->Take().has_value()) << "nobody can tell";
  DieInPlugin([] { syscall(SYS_exit_group, 0); });
  EXPECT_FALSE(Open()->Take().has_value());
}

TEST_F(CrashPageTest, BlamesNoPluginForWhatTheProcessSurvives) {
  DieInPlugin([] {
    // It would wait for ever.
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    raise(SIGTERM);
    raise(0);
    kill(getpid(), SIGCONT);
    const pid_t child = fork();
    if (child == 0) std::abort();
    waitpid(child, nullptr, 0);
    if (const pid_t other = fork(); other == 0) _exit(1);
    syscall(SYS_exit_group, 0);
  });
  EXPECT_FALSE(Open()->Take().has_value());
}

TEST_F(CrashPageTest, BlamesTheOuterOnceTheInnerHasEnded) {
  Die([] {
    const PluginTag outer("plugins/outer", "aa", 7);
    const InPluginCode in_outer(outer);
    {
      const PluginTag inner("plugins/inner", "bb", 8);
      const InPluginCode in_inner(inner);
    }
    std::abort();
  });
  const auto crash = Open()->Take();
  ASSERT_TRUE(crash.has_value());
  EXPECT_EQ(crash->plugin, "plugins/outer");
}

TEST_F(CrashPageTest, TellsOfAPluginThatHadNoMessage) {
  Die([] {
    const PluginTag tag("plugins/x", "aa", 7);
    const InPluginCode code(tag);
    std::abort();
  });
  const auto crash = Open()->Take();
  ASSERT_TRUE(crash.has_value());
  EXPECT_EQ(crash->plugin, "plugins/x");
  EXPECT_FALSE(crash->death.message.has_value());
}

TEST_F(CrashPageTest, BelievesNothingThatStandsThere) {
  DieInPlugin([] { std::abort(); });
  // All ones from each of the words on: the page is the plugin's to write.
  for (off_t at = 16; at < 4096; at += 8) {
    const int file = open(path_.c_str(), O_RDWR);
    std::vector<char> kept(64);
    ASSERT_EQ(pread(file, kept.data(), kept.size(), at), 64);
    const std::string wild(64, '\xff');
    ASSERT_EQ(pwrite(file, wild.data(), wild.size(), at), 64);
    std::vector<char> whole(1 << 20);
    const ssize_t size = pread(file, whole.data(), whole.size(), 0);
    Open()->Take();
    ASSERT_EQ(pwrite(file, whole.data(), static_cast<size_t>(size), 0), size);
    ASSERT_EQ(pwrite(file, kept.data(), kept.size(), at), 64);
    close(file);
  }
  EXPECT_TRUE(Open()->Take().has_value());
}

TEST_F(CrashPageTest, SaysWhereItCannotBe) {
  EXPECT_THAT(CrashPage::Open(dir_.path() + "/none/page"),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("none/page")));
}

}  // namespace
}  // namespace weir
