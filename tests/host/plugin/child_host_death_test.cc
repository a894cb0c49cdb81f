// What becomes of children when their host dies.
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "host/plugin/child_process.h"
#include "tests/support/child_plugin.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

constexpr char kHost[] = "tests/support/host_of_one_child";

// Waits for a number and the end of its line.
int ReadNumber(int fd) {
  std::string text;
  while (text.find('\n') == std::string::npos) {
    pollfd wait = {fd, POLLIN, 0};
    poll(&wait, 1, -1);
    std::array<char, 64> bytes;
    const ssize_t n = read(fd, bytes.data(), bytes.size());
    if (n == 0) return 0;
    if (n > 0) text.append(bytes.data(), static_cast<size_t>(n));
  }
  return std::atoi(text.c_str());
}

TEST(ChildHostDeathTest, LeavesNoChildWhateverTheChildDoes) {
  for (const char* fixture : {"ok_c", "hang_spin"}) {
    auto pipe = MakePipe();
    ASSERT_THAT(pipe, IsOk());
    auto host = SpawnChild({.program = kHost,
                            .args = {FixturePath(fixture)},
                            .out_fd = pipe->second.get()});
    ASSERT_THAT(host, IsOk());
    pipe->second.Reset();
    const int runner = ReadNumber(pipe->first.get());
    ASSERT_GT(runner, 0) << fixture;
    const OwnedFd runner_fd(
        static_cast<int>(syscall(SYS_pidfd_open, runner, 0)));
    ASSERT_GE(runner_fd.get(), 0) << fixture;
    ASSERT_EQ(kill(host->pid, SIGKILL), 0);
    ASSERT_EQ(waitpid(host->pid, nullptr, 0), host->pid);
    pollfd wait = {runner_fd.get(), POLLIN, 0};
    EXPECT_EQ(poll(&wait, 1, -1), 1) << fixture;
  }
}

}  // namespace
}  // namespace weir
