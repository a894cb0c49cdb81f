// The real program, as a shell runs it.
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/fake_weir_server.h"
#include "weir/v1/event.pb.h"

namespace weir {
namespace {

using testing::HasSubstr;

constexpr char kWeir[] = "cli/weir";

// A run of the program whose output a test reads.
class Program {
 public:
  explicit Program(const std::string& arguments) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    const std::string line = "exec " + std::string(kWeir) + " " + arguments;
    const char* argv[] = {"sh", "-c", line.c_str(), nullptr};
    EXPECT_EQ(posix_spawn(&pid_, "/bin/sh", &actions, nullptr,
                          const_cast<char**>(argv), environ),
              0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    output_ = fdopen(ends[0], "r");
  }
  ~Program() { fclose(output_); }

  // The next line, without its end; empty at the end.
  std::string ReadLine() {
    std::string line;
    for (int c = fgetc(output_); c != EOF && c != '\n'; c = fgetc(output_)) {
      line.push_back(static_cast<char>(c));
    }
    return line;
  }

  void Signal(int signal) const { kill(pid_, signal); }

  // Waits for its end; -1 if a signal ended it.
  int ExitCode() const {
    int status = 0;
    waitpid(pid_, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  pid_t pid_ = 0;
  FILE* output_ = nullptr;
};

TEST(WeirBinaryTest, FollowsUntilCtrlCAndEndsWell) {
  FakeWeirServer server;
  weir::v1::Event event;
  event.set_type("hijack.origin");
  server.Append(event);
  Program watch("watch --from earliest --server " + server.address());
  EXPECT_THAT(watch.ReadLine(), HasSubstr("hijack.origin"));

  watch.Signal(SIGINT);

  EXPECT_EQ(watch.ExitCode(), 0);
}

TEST(WeirBinaryTest, TakesTheServerFromTheEnvironment) {
  FakeWeirServer server;
  server.server_info.set_version("1.2.3");
  setenv("WEIR_SERVER", server.address().c_str(), 1);
  Program info("info");
  unsetenv("WEIR_SERVER");

  EXPECT_THAT(info.ReadLine(), HasSubstr("1.2.3"));
  EXPECT_EQ(info.ExitCode(), 0);
}

TEST(WeirBinaryTest, ExitsWithOneWithoutAServerAndWithTwoForBadUsage) {
  Program nobody("stats --server unix:///nowhere/weir.sock");
  EXPECT_THAT(nobody.ReadLine(), HasSubstr("nothing listens there"));
  EXPECT_EQ(nobody.ExitCode(), 1);
  Program usage("watch --from now");
  EXPECT_THAT(usage.ReadLine(), HasSubstr("--from"));
  EXPECT_EQ(usage.ExitCode(), 2);
}

}  // namespace
}  // namespace weir
