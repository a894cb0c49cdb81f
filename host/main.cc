// weir-host: the daemon. Reads its command line, its environment and its
// configuration here and nowhere else, runs a Host, and ends it on a signal.
#include <pthread.h>
#include <pwd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>
#include <random>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "host/config/config_error.h"
#include "host/config/environment.h"
#include "host/config/load_config.h"
#include "host/config/proto_to_yaml.h"
#include "host/host.h"
#include "host/log/log.h"
#include "host/sync/system_clock.h"
#include "host/version.h"
#include "lib/programs/runner_path.h"

namespace weir {
namespace {

Environment RealEnvironment() {
  Environment environment;
  environment.variable =
      [](absl::string_view name) -> std::optional<std::string> {
    const char* const value = std::getenv(std::string(name).c_str());
    if (value == nullptr) return std::nullopt;
    return value;
  };
  std::array<char, 256> name = {};
  if (gethostname(name.data(), name.size() - 1) == 0) {
    environment.host_name = name.data();
  }
  const passwd* const user = getpwuid(geteuid());
  if (user != nullptr) environment.user = user->pw_name;
  return environment;
}

// Writes every fault on a line of its own.
void PrintFaults(const ConfigResult& result, const std::string& file) {
  for (const ConfigError& error : result.errors) {
    std::cerr << ToString(error, file) << "\n";
  }
}

// Signals that end the process are waited for by one thread, so that stopping
// may take locks and time.
sigset_t StopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGHUP);
  return signals;
}

// Blocks until the process is asked to end; returns the signal.
int AwaitStop(const sigset_t& signals) {
  while (true) {
    int signal = 0;
    sigwait(&signals, &signal);
    if (signal != SIGHUP) return signal;
    LogWarning("host",
               "SIGHUP: this version does not reload its configuration; "
               "restart it to apply changes");
  }
}

int Run(const v1::HostConfig& config, const Environment& environment) {
  const sigset_t signals = StopSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);

  // Debian's Abseil looks for cycles among gRPC's locks at each of them, which
  // takes a sixth of what a hundred streams cost.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);

  const SystemClock clock;
  std::random_device random;
  const uint64_t seed = uint64_t{random()} << 32 | random();
  auto host = Host::Start(config, environment, clock, seed, FindPluginRunner());
  if (!host.ok()) {
    std::cerr << "weir-host: " << host.status().message() << "\n";
    return 1;
  }
  std::cout << "weir-host: serving on "
            << absl::StrJoin((*host)->addresses(), " ") << std::endl;
  sd_notify(0, "READY=1");

  const int signal = AwaitStop(signals);
  sd_notify(0, "STOPPING=1");
  LogInfo("host", "stopping: ", sigabbrev_np(signal));
  const bool clean = (*host)->Stop();
  if (clean) return 0;
  // Something will not let go: a handler in a call, a client that does not
  // read. Everything that is to be kept is kept, so the process ends without
  // it.
  LogWarning("host", "ending without what did not stop in time");
  std::fflush(nullptr);
  _exit(0);
}

int Main(int argc, char** argv) {
  CLI::App app("weir-host: streams in, handler plugins, events out over gRPC");
  std::string file = "/etc/weir/weir.yaml";
  std::string check;
  bool print = false;
  app.add_option("--config", file, "the configuration file")
      ->capture_default_str();
  app.add_option("--check", check,
                 "check this configuration file, print every fault, and exit: "
                 "0 = none, 1 = some");
  app.add_flag(
      "--print-config", print,
      "print the effective configuration, defaults included, and exit");
  app.set_version_flag("--version", absl::StrCat("weir-host ", kVersion));
  CLI11_PARSE(app, argc, argv);
  if (!check.empty()) file = check;

  const Environment environment = RealEnvironment();
  const ConfigResult result = LoadConfigFile(file, environment);
  if (!result.ok()) {
    PrintFaults(result, file);
    return 1;
  }
  if (print) {
    std::cout << ProtoToYaml(result.config);
    return 0;
  }
  if (!check.empty()) {
    std::cout << file << ": no faults\n";
    return 0;
  }
  return Run(result.config, environment);
}

}  // namespace
}  // namespace weir

int main(int argc, char** argv) { return weir::Main(argc, argv); }
