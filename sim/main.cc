// weir-ris-sim: RIS Live without the Internet.
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "sim/fault.h"
#include "sim/recording.h"
#include "sim/recording_source.h"
#include "sim/scenario_source.h"
#include "sim/stream_server.h"
#include "sim/truth_log.h"

namespace weir::sim {
namespace {

struct Flags {
  std::string listen = "127.0.0.1";
  uint16_t port = 8480;
  std::string recording;  // Empty: the scenario.
  std::string speed = "recorded";
  uint64_t loops = 1;
  bool scenario = false;
  ScenarioOptions scenario_options;
  std::string truth;
  std::string at_end = "eof";
  std::vector<std::string> faults;
};

void AddFlags(CLI::App& app, Flags& flags) {
  app.add_option("--listen", flags.listen, "IP address to listen at")
      ->capture_default_str();
  app.add_option("--port", flags.port, "TCP port; 0: any that is free")
      ->capture_default_str();
  app.add_option("--at-end", flags.at_end,
                 "after the last message: eof (a clean end) or hold (silence)")
      ->check(CLI::IsMember({"eof", "hold"}))
      ->capture_default_str();
  app.add_option("--fault", flags.faults,
                 "AFTER_N_MESSAGES:KIND[:ARG]; may be repeated")
      ->allow_extra_args(false);

  CLI::Option* const recording = app.add_option(
      "--recording", flags.recording, "serve this file, .jsonl or .jsonl.zst");
  app.add_option("--speed", flags.speed,
                 "max, recorded, or how many times as fast as recorded")
      ->needs(recording)
      ->capture_default_str();
  app.add_option("--loops", flags.loops,
                 "how many times to serve the recording; 0: for ever")
      ->needs(recording)
      ->capture_default_str();

  app.add_flag("--scenario", flags.scenario,
               "serve the scripted scenario (the default)")
      ->excludes(recording);
  app.add_option("--seed", flags.scenario_options.seed, "of the scenario")
      ->excludes(recording)
      ->capture_default_str();
  app.add_option("--rate", flags.scenario_options.rate,
                 "messages a second; 0: as fast as possible")
      ->excludes(recording)
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  app.add_option("--messages", flags.scenario_options.messages,
                 "end after so many; 0: never")
      ->excludes(recording)
      ->capture_default_str();
  app.add_option("--truth", flags.truth,
                 "write what really happens to this file, as JSON lines")
      ->excludes(recording);
}

// 0 for "max".
absl::StatusOr<double> ParseSpeed(const std::string& text) {
  if (text == "max") return 0;
  if (text == "recorded") return 1;
  double speed = 0;
  if (absl::SimpleAtod(text, &speed) && speed > 0 && speed <= 1e6) {
    return speed;
  }
  return absl::InvalidArgumentError(
      "--speed: '" + text +
      "' is neither max, nor recorded, nor a number above 0 and up to 1000000");
}

absl::StatusOr<StreamServer::Options> ServerOptions(const Flags& flags) {
  StreamServer::Options options;
  options.address = flags.listen;
  options.port = flags.port;
  options.hold_at_end = flags.at_end == "hold";
  for (const std::string& text : flags.faults) {
    absl::StatusOr<ScriptedFault> fault = ScriptedFault::Parse(text);
    if (!fault.ok()) return fault.status();
    options.faults.push_back(*fault);
  }
  return options;
}

absl::StatusOr<SessionPool::SourceFactory> RecordingFactory(
    const Flags& flags) {
  const absl::StatusOr<double> speed = ParseSpeed(flags.speed);
  if (!speed.ok()) return speed.status();
  absl::StatusOr<Recording> recording = Recording::Load(flags.recording);
  if (!recording.ok()) return recording.status();
  const auto plan = std::make_shared<const RecordingPlan>(*std::move(recording),
                                                          *speed, flags.loops);
  return [plan](const std::string&) {
    return std::make_unique<RecordingSource>(plan);
  };
}

absl::StatusOr<SessionPool::SourceFactory> ScenarioFactory(const Flags& flags) {
  std::shared_ptr<TruthLog> truth;
  if (!flags.truth.empty()) {
    absl::StatusOr<std::unique_ptr<TruthLog>> log =
        TruthLog::Create(flags.truth);
    if (!log.ok()) return log.status();
    truth = *std::move(log);
  }
  return [options = flags.scenario_options, truth](const std::string& client) {
    return std::make_unique<ScenarioSource>(options, client, truth.get());
  };
}

absl::Status Serve(const Flags& flags) {
  const absl::StatusOr<StreamServer::Options> options = ServerOptions(flags);
  if (!options.ok()) return options.status();
  absl::StatusOr<SessionPool::SourceFactory> factory =
      flags.recording.empty() ? ScenarioFactory(flags)
                              : RecordingFactory(flags);
  if (!factory.ok()) return factory.status();

  // Before any thread starts, so that they all inherit it.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);

  absl::StatusOr<std::unique_ptr<StreamServer>> server =
      StreamServer::Start(*options, *std::move(factory));
  if (!server.ok()) return server.status();
  std::printf("weir-ris-sim: listening on %s\n", (*server)->url().c_str());
  std::fflush(stdout);

  int signal = 0;
  sigwait(&signals, &signal);
  std::fprintf(stderr, "weir-ris-sim: sent %llu messages in %llu connections\n",
               static_cast<unsigned long long>((*server)->messages_sent()),
               static_cast<unsigned long long>((*server)->connections()));
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  CLI::App app(
      "Speaks the RIS Live HTTP protocol and serves a recording, or an endless "
      "scenario in which known things go wrong.",
      "weir-ris-sim");
  Flags flags;
  AddFlags(app, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // The library's own exit codes are above 100.
    return app.exit(error) == 0 ? 0 : 1;
  }
  const absl::Status status = Serve(flags);
  if (status.ok()) return 0;
  std::fprintf(stderr, "weir-ris-sim: %s\n",
               std::string(status.message()).c_str());
  return 1;
}

}  // namespace
}  // namespace weir::sim

int main(int argc, char** argv) { return weir::sim::Main(argc, argv); }
