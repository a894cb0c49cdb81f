// What does it cost to publish events, and to deliver them over gRPC to 1 and
// to 100 streams: 10,000 events a second of about 300 bytes, on loopback. The
// readers are a process of their own; CPU is the server's alone.
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "benchmarks/event_readers.h"
#include "host/broker/broker.h"
#include "host/broker/replay_id.h"
#include "host/pipeline/event.h"
#include "host/rpc/access.h"
#include "host/rpc/event_service.h"
#include "host/rpc/proto_event_codec.h"
#include "host/rpc/rpc_counter.h"
#include "host/rpc/server.h"
#include "host/sync/system_clock.h"

namespace weir {
namespace {

constexpr int kPerSecond = 10'000;
constexpr int kSeconds = 5;
// Ten events at once, each millisecond: a timer cannot do one each 100 us.
constexpr int kBurst = 10;
constexpr absl::Duration kBetweenBursts =
    absl::Microseconds(1'000'000 * kBurst / kPerSecond);
constexpr uint64_t kEvents = uint64_t{kPerSecond} * kSeconds;

int64_t MonotonicNs() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// Of this process.
double CpuNs() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  const auto ns = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e9 +
           static_cast<double>(time.tv_usec) * 1e3;
  };
  return ns(usage.ru_utime) + ns(usage.ru_stime);
}

// About 300 bytes with what the log adds, as a typical finding.
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

// A log and its server.
class Node {
 public:
  Node() {
    std::mt19937_64 random(1);
    broker_ = std::make_unique<Broker>(BrokerOptions(), MakeEpoch(random),
                                       codec_, clock_);
    service_ = std::make_unique<EventService>(*broker_, access_, "bench");
    broker_->Start();
    ServerOptions options;
    options.listeners.push_back({.tcp = "127.0.0.1:0"});
    auto server = Server::Start(options, {service_.get()}, counter_);
    if (!server.ok()) {
      std::fprintf(stderr, "%s\n", server.status().ToString().c_str());
      std::exit(1);
    }
    server_ = *std::move(server);
  }
  ~Node() {
    broker_->Drain(absl::ZeroDuration());
    server_->Stop(absl::Seconds(1), absl::Seconds(3));
    broker_->Close();
  }

  Broker& broker() { return *broker_; }
  const std::string& address() const { return server_->addresses().front(); }

 private:
  const SystemClock clock_;
  const ProtoEventCodec codec_;
  const Access access_{Access::Options()};
  RpcCounter counter_;
  std::unique_ptr<Broker> broker_;
  std::unique_ptr<EventService> service_;
  std::unique_ptr<Server> server_;
};

void Publish(Broker& broker, int n) {
  for (int i = 0; i < n; ++i) {
    if (!broker.Publish(Finding()).ok()) std::abort();
  }
}

// At kPerSecond for kSeconds. Returns the CPU time that went by meanwhile and
// in the second behind, in which the last are read.
double PublishSteadily(Broker& broker) {
  const double cpu = CpuNs();
  absl::Time next = absl::Now();
  for (uint64_t i = 0; i < kEvents; i += kBurst) {
    Publish(broker, kBurst);
    next += kBetweenBursts;
    absl::SleepFor(next - absl::Now());
  }
  absl::SleepFor(absl::Seconds(1));
  return CpuNs() - cpu;
}

// As fast as it goes, with nobody reading.
void MeasurePublish() {
  Node node;
  constexpr int kBatch = 100'000;
  Publish(node.broker(), kBatch);
  double best_cpu = 1e18, best_wall = 1e18;
  for (int i = 0; i < 5; ++i) {
    const double cpu = CpuNs();
    const int64_t wall = MonotonicNs();
    Publish(node.broker(), kBatch);
    best_cpu = std::min(best_cpu, (CpuNs() - cpu) / kBatch);
    best_wall =
        std::min(best_wall, static_cast<double>(MonotonicNs() - wall) / kBatch);
  }
  std::printf("publish: item=event cpu_ns=%.0f wall_ns=%.0f\n", best_cpu,
              best_wall);
}

// The program that reads: this one, with other arguments. Its first line says
// that all streams are registered, its second what they saw.
class ReaderProcess {
 public:
  ReaderProcess(const std::string& address, int streams, int64_t max_delay_ns) {
    std::array<int, 2> ends = {};
    if (pipe(ends.data()) != 0) std::abort();
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    std::string arguments[] = {"fanout_bench", address, absl::StrCat(streams),
                               absl::StrCat(max_delay_ns)};
    char* argv[] = {arguments[0].data(), arguments[1].data(),
                    arguments[2].data(), arguments[3].data(), nullptr};
    if (posix_spawn(&pid_, "/proc/self/exe", &actions, nullptr, argv,
                    environ) != 0) {
      std::abort();
    }
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    output_ = fdopen(ends[0], "r");
    ReadLine();
  }
  ~ReaderProcess() {
    std::fclose(output_);
    waitpid(pid_, nullptr, 0);
  }
  ReaderProcess(const ReaderProcess&) = delete;
  ReaderProcess& operator=(const ReaderProcess&) = delete;

  std::string ReadLine() {
    char line[256];
    if (std::fgets(line, sizeof(line), output_) == nullptr) {
      std::fprintf(stderr, "fanout_bench: the readers ended early\n");
      std::exit(1);
    }
    return line;
  }

 private:
  pid_t pid_ = 0;
  std::FILE* output_ = nullptr;
};

void MeasureFanOut(const char* name, int streams, int64_t max_delay_ns) {
  Node node;
  ReaderProcess readers(node.address(), streams, max_delay_ns);
  const double cpu = PublishSteadily(node.broker());
  std::printf("%s: item=delivery cpu_ns=%.0f percent=%.1f %s", name,
              cpu / static_cast<double>(kEvents) / streams,
              cpu / (kSeconds * 1e9) * 100, readers.ReadLine().c_str());
  std::fflush(stdout);
}

int ReadInChild(const std::string& address, const char* streams,
                const char* max_delay_ns) {
  int n = 0;
  int64_t delay = 0;
  if (!absl::SimpleAtoi(streams, &n) || n < 1 ||
      !absl::SimpleAtoi(max_delay_ns, &delay)) {
    return 2;
  }
  const EventReadersResult result = ReadEvents(address, n, kEvents, delay, [] {
    std::puts("ready");
    std::fflush(stdout);
  });
  const auto at = [&](double share) {
    const auto& all = result.latencies_us;
    return all[static_cast<size_t>(share *
                                   static_cast<double>(all.size() - 1))];
  };
  std::printf("p50_us=%u p99_us=%u max_us=%u\n", at(0.5), at(0.99), at(1));
  return 0;
}

}  // namespace
}  // namespace weir

int main(int argc, char** argv) {
  if (argc == 4) return weir::ReadInChild(argv[1], argv[2], argv[3]);
  weir::MeasurePublish();
  weir::MeasureFanOut("fanout/1_stream_no_delay", 1, 0);
  weir::MeasureFanOut("fanout/1_stream", 1, -1);
  weir::MeasureFanOut("fanout/100_streams", 100, -1);
  return 0;
}
