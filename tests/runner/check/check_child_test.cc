#include "runner/check/check_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace weir {
namespace {

using testing::HasSubstr;

constexpr absl::Duration kLong = absl::Minutes(1);

class CheckChildTest : public testing::Test {
 protected:
  CheckChildTest() { BecomeSubreaper(); }
  ~CheckChildTest() override { close(interrupt_); }

  CheckedEnd Run(const std::string& script, absl::Duration timeout = kLong) {
    const auto end =
        RunCheckChild("/bin/sh", {"-c", script}, {}, timeout, interrupt_);
    EXPECT_THAT(end, IsOk());
    return end.value_or(CheckedEnd());
  }

  // That this process has no child any more, dead or alive.
  static bool NobodyIsLeft() {
    return waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD;
  }

  const int interrupt_ = eventfd(0, EFD_CLOEXEC);
};

TEST_F(CheckChildTest, TellsHowItEndedAndWhatItWrote) {
  const CheckedEnd end = Run("echo out; echo err >&2; exit 3");
  EXPECT_EQ(WEXITSTATUS(end.wait_status), 3);
  EXPECT_FALSE(end.timed_out);
  EXPECT_FALSE(end.left_processes);
  EXPECT_THAT(end.output, HasSubstr("out\n"));
  EXPECT_THAT(end.output, HasSubstr("err\n"));
}

TEST_F(CheckChildTest, AbortsWhatTakesTooLong) {
  const CheckedEnd end = Run("while true; do :; done", absl::Milliseconds(50));
  EXPECT_TRUE(end.timed_out);
  EXPECT_EQ(WTERMSIG(end.wait_status), SIGABRT);
  EXPECT_TRUE(NobodyIsLeft());
}

TEST_F(CheckChildTest, KillsWhatDoesNotListen) {
  const CheckedEnd end =
      Run("trap '' ABRT TERM; while true; do :; done", absl::Milliseconds(200));
  EXPECT_TRUE(end.timed_out);
  EXPECT_EQ(WTERMSIG(end.wait_status), SIGKILL);
  EXPECT_TRUE(NobodyIsLeft());
}

TEST_F(CheckChildTest, KillsWhatWasLeftInItsGroup) {
  EXPECT_TRUE(Run("sleep 1000 & exit 0").left_processes);
  EXPECT_TRUE(NobodyIsLeft());
}

TEST_F(CheckChildTest, KillsWhatGotAwayFromItsGroup) {
  // The shell goes on when its own shell has ended, and those live on.
  const CheckedEnd end =
      Run("x=$(setsid sh -c 'trap \"\" HUP TERM; sleep 1000 >/dev/null & "
          "sleep 1001 >/dev/null &')");
  EXPECT_TRUE(end.left_processes);
  EXPECT_TRUE(NobodyIsLeft());
}

TEST_F(CheckChildTest, DoesNotChokeOnWhatIsWritten) {
  const CheckedEnd end = Run("head -c 10000000 /dev/zero");
  EXPECT_EQ(end.wait_status, 0);
  EXPECT_EQ(end.output.size(), 4096u);
}

TEST_F(CheckChildTest, StopsWhenItIsInterrupted) {
  eventfd_write(interrupt_, 1);
  EXPECT_TRUE(Run("sleep 1000").interrupted);
  EXPECT_TRUE(NobodyIsLeft());
}

TEST_F(CheckChildTest, SaysThatThereIsNoProgram) {
  EXPECT_THAT(RunCheckChild("/nonexistent", {}, {}, kLong, interrupt_),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("/nonexistent: No such file")));
}

}  // namespace
}  // namespace weir
