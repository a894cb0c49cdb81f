#ifndef WEIR_TESTS_CLI_COMMAND_FIXTURE_H_
#define WEIR_TESTS_CLI_COMMAND_FIXTURE_H_

#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/random/bit_gen_ref.h"
#include "cli/command_line.h"
#include "cli/interrupt.h"
#include "cli/session.h"
#include "gtest/gtest.h"
#include "tests/fakes/fake_client_clock.h"
#include "tests/fakes/fake_client_sleeper.h"
#include "tests/fakes/fake_weir_server.h"
#include "tests/fakes/steady_random.h"

namespace weir {

// Runs command lines in this process against a fake server, and keeps what they
// write.
class CommandFixture : public testing::Test {
 protected:
  // Runs one command line against the fake server; returns its exit code.
  int Run(std::vector<std::string> arguments) {
    return RunAt(server_.address(), std::move(arguments));
  }

  int RunAt(const std::string& address, std::vector<std::string> arguments) {
    out_.str("");
    err_.str("");
    cli::Session session{.out = out_,
                         .err = err_,
                         .interrupt = interrupt_,
                         .clock = clock_,
                         .sleeper = sleeper_,
                         .random = absl::BitGenRef(random_),
                         .server = address};
    return cli::RunCommandLine(std::move(arguments), session);
  }

  // The standard output of a command that must work.
  std::string Output(std::vector<std::string> arguments) {
    EXPECT_EQ(Run(std::move(arguments)), cli::kDone) << err_.str();
    return out_.str();
  }

  FakeWeirServer server_;
  std::ostringstream out_;
  std::ostringstream err_;
  cli::Interrupt interrupt_;
  SteadyRandom random_;
  FakeClientClock clock_;
  FakeClientSleeper sleeper_;
};

}  // namespace weir

#endif  // WEIR_TESTS_CLI_COMMAND_FIXTURE_H_
