// weir, the command-line client of weir-host.
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "absl/random/random.h"
#include "absl/time/time.h"
#include "cli/command_line.h"
#include "cli/interrupt.h"
#include "cli/session.h"
#include "lib/client/clock.h"
#include "lib/client/sleeper.h"

namespace {

// Turns the first Ctrl-C, or SIGTERM, into an Interrupt, on a thread of its
// own: a signal handler could take no lock. The second one ends the program
// there and then.
class SignalThread {
 public:
  // Before any other thread starts, which then leaves these signals alone.
  explicit SignalThread(weir::cli::Interrupt& interrupt) {
    sigemptyset(&signals_);
    for (const int signal : {SIGINT, SIGTERM, kEnd}) {
      sigaddset(&signals_, signal);
    }
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    thread_ = std::thread([this, &interrupt] { Wait(interrupt); });
  }

  ~SignalThread() {
    pthread_kill(thread_.native_handle(), kEnd);
    thread_.join();
  }

 private:
  // Tells the thread that nobody waits for it any more.
  static constexpr int kEnd = SIGUSR1;

  void Wait(weir::cli::Interrupt& interrupt) const {
    int signal = 0;
    while (sigwait(&signals_, &signal) == 0 && signal != kEnd) {
      // As a shell reports a program that a signal ended.
      if (interrupt.triggered()) _exit(128 + signal);
      interrupt.Trigger();
    }
  }

  sigset_t signals_;
  std::thread thread_;
};

// Where weir-host listens unless it is told otherwise; the environment may say
// more. An empty variable is as good as none.
std::string DefaultServer() {
  const char* server = std::getenv("WEIR_SERVER");
  return server == nullptr || *server == '\0' ? "127.0.0.1:50051" : server;
}

}  // namespace

int main(int argc, char** argv) {
  // gRPC's own log would stand between our lines; who asks for it gets it.
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  weir::cli::Interrupt interrupt;
  const SignalThread signals(interrupt);
  const weir::client::SystemClock clock;
  weir::client::SystemSleeper sleeper;
  absl::BitGen random;
  const bool terminal = isatty(STDOUT_FILENO) != 0;
  weir::cli::Session session{
      .out = std::cout,
      .err = std::cerr,
      .interrupt = interrupt,
      .clock = clock,
      .sleeper = sleeper,
      .random = absl::BitGenRef(random),
      .time_zone = absl::LocalTimeZone(),
      .terminal = terminal,
      // https://no-color.org
      .colour = terminal && getenv("NO_COLOR") == nullptr,
      .server = DefaultServer()};
  return weir::cli::RunCommandLine({argv + 1, argv + argc}, session);
}
