#include "benchmarks/bench_node.h"

#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "benchmarks/event_readers.h"
#include "host/broker/journaled_log.h"
#include "host/broker/memory_log.h"
#include "host/broker/replay_id.h"
#include "host/broker/writable_log.h"
#include "host/pipeline/event.h"

namespace weir {
namespace {

constexpr int kBurstsPerSecond = 1000;

void Check(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

// About 300 bytes with what the log adds.
Event Finding() {
  Event event;
  event.type = "hijack.origin";
  event.source = "plugins/origin-watch";
  event.subject = "192.0.2.0/24";
  event.json =
      absl::StrCat("{", kSentMark, absl::Dec(MonotonicNs(), absl::kZeroPad18),
                   R"(,"text":")", std::string(140, 'x'), "\"}");
  event.as_numbers = {64496, 64500};
  return event;
}

std::unique_ptr<WritableLog> MakeJournal(const std::string& directory,
                                         const BrokerOptions& broker,
                                         const std::string& epoch,
                                         const EventCodec& codec,
                                         const Clock& clock) {
  JournaledLogOptions options;
  options.journal.path = directory + "/journal.db";
  options.journal.new_epoch = epoch;
  options.ring = broker.log;
  auto log = JournaledLog::Open(options, codec, clock);
  Check(log.status());
  return *std::move(log);
}

}  // namespace

int64_t MonotonicNs() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

double CpuNs() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  const auto ns = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e9 +
           static_cast<double>(time.tv_usec) * 1e3;
  };
  return ns(usage.ru_utime) + ns(usage.ru_stime);
}

BenchNode::BenchNode(Mode mode, const BrokerOptions& options) {
  // As weir-host does.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  std::mt19937_64 random(1);
  const std::string epoch = MakeEpoch(random);
  if (mode == Mode::kJournal) {
    directory_ = "/tmp/weir-bench-XXXXXX";
    if (mkdtemp(directory_.data()) == nullptr) std::abort();
    broker_ = std::make_unique<Broker>(
        options, MakeJournal(directory_, options, epoch, codec_, clock_),
        codec_, clock_);
  } else {
    broker_ = std::make_unique<Broker>(options, epoch, codec_, clock_);
  }
  service_ = std::make_unique<EventService>(*broker_, access_, "bench");
  broker_->Start();
  ServerOptions server_options;
  server_options.listeners.push_back({.tcp = "127.0.0.1:0"});
  auto server = Server::Start(server_options, {service_.get()}, counter_);
  Check(server.status());
  server_ = *std::move(server);
}

BenchNode::~BenchNode() {
  broker_->Drain(absl::ZeroDuration());
  server_->Stop(absl::Seconds(1), absl::Seconds(3));
  broker_->Close();
  if (!directory_.empty()) std::filesystem::remove_all(directory_);
}

void BenchNode::Publish(int n) {
  for (int i = 0; i < n; ++i) Check(broker_->Publish(Finding()));
}

double BenchNode::PublishSteadily(int per_second, int seconds) {
  const double cpu = CpuNs();
  absl::Time next = absl::Now();
  for (int i = 0; i < seconds * kBurstsPerSecond; ++i) {
    Publish(per_second / kBurstsPerSecond);
    next += absl::Seconds(1) / kBurstsPerSecond;
    absl::SleepFor(next - absl::Now());
  }
  absl::SleepFor(absl::Seconds(1));
  return CpuNs() - cpu;
}

ReaderProcess::ReaderProcess(std::vector<std::string> arguments) {
  std::array<int, 2> ends = {};
  if (pipe(ends.data()) != 0) std::abort();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addclose(&actions, ends[0]);
  arguments.insert(arguments.begin(), "reader");
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  if (posix_spawn(&pid_, "/proc/self/exe", &actions, nullptr, argv.data(),
                  environ) != 0) {
    std::abort();
  }
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  output_ = fdopen(ends[0], "r");
  ReadLine();
}

ReaderProcess::~ReaderProcess() {
  std::fclose(output_);
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

std::string ReaderProcess::ReadLine() {
  char line[256];
  if (std::fgets(line, sizeof(line), output_) == nullptr) {
    std::fprintf(stderr, "the readers ended early\n");
    std::exit(1);
  }
  return line;
}

}  // namespace weir
