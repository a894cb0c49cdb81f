// What does it cost to publish events, and to deliver them over gRPC to 1, 100
// and 1000 streams, and streams that have nothing to do: events of about 300
// bytes, on loopback. The readers are a process of their own; CPU is the
// server's alone.
#include <malloc.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "benchmarks/bench_node.h"
#include "benchmarks/event_readers.h"
#include "host/control/event_log.h"

namespace weir {
namespace {

using Mode = BenchNode::Mode;

constexpr int kSeconds = 5;

// As fast as it goes, with nobody reading.
void MeasurePublish() {
  BenchNode node(Mode::kMemory);
  constexpr int kBatch = 100'000;
  node.Publish(kBatch);
  double best_cpu = 1e18, best_wall = 1e18;
  for (int i = 0; i < 5; ++i) {
    const double cpu = CpuNs();
    const int64_t wall = MonotonicNs();
    node.Publish(kBatch);
    best_cpu = std::min(best_cpu, (CpuNs() - cpu) / kBatch);
    best_wall =
        std::min(best_wall, static_cast<double>(MonotonicNs() - wall) / kBatch);
  }
  std::printf("publish: item=event cpu_ns=%.0f wall_ns=%.0f\n", best_cpu,
              best_wall);
}

void MeasureFanOut(const char* name, int streams, int per_second,
                   int64_t max_delay_ns, Mode mode = Mode::kMemory) {
  BenchNode node(mode);
  const int events = per_second * kSeconds;
  ReaderProcess readers({node.address(), absl::StrCat(streams),
                         absl::StrCat(events), absl::StrCat(max_delay_ns)});
  const double cpu = node.PublishSteadily(per_second, kSeconds);
  std::printf("%s: item=delivery cpu_ns=%.0f percent=%.1f %s", name,
              cpu / static_cast<double>(events) / streams,
              cpu / (kSeconds * 1e9) * 100, readers.ReadLine().c_str());
  std::fflush(stdout);
}

// The group commit of a journal, alone.
void MeasureVisible() {
  BenchNode node(Mode::kJournal);
  constexpr int kPerSecond = 10'000;
  const double cpu = node.PublishSteadily(kPerSecond, kSeconds);
  const Distribution visible = node.broker().Stats().append_to_visible;
  std::printf(
      "journal/append_to_visible: item=event cpu_ns=%.0f percent=%.1f "
      "p50_us=%llu p99_us=%llu max_us=%llu\n",
      cpu / (kPerSecond * kSeconds), cpu / (kSeconds * 1e9) * 100,
      static_cast<unsigned long long>(visible.p50_ns / 1000),
      static_cast<unsigned long long>(visible.p99_ns / 1000),
      static_cast<unsigned long long>(visible.max_ns / 1000));
  std::fflush(stdout);
}

// Resident memory of this process, without what malloc could give back.
double ResidentMiB() {
  malloc_trim(0);
  std::ifstream statm("/proc/self/statm");
  double total = 0, resident = 0;
  statm >> total >> resident;
  return resident * 4096 / (1 << 20);
}

void MeasureIdle() {
  BenchNode node(Mode::kMemory);
  const double before = ResidentMiB();
  // More than will ever come: the readers are killed.
  ReaderProcess readers({node.address(), "1000", "1000000", "-1"});
  absl::SleepFor(absl::Seconds(1));
  const double memory = ResidentMiB() - before;
  // Two heartbeats of each.
  constexpr int kIdleSeconds = 30;
  const double cpu = CpuNs();
  absl::SleepFor(absl::Seconds(kIdleSeconds));
  std::printf(
      "fanout/1000_idle_streams: item=stream cpu_ns=%.0f percent=%.2f "
      "extra_mib=%.1f\n",
      (CpuNs() - cpu) / 1000, (CpuNs() - cpu) / (kIdleSeconds * 1e7), memory);
  std::fflush(stdout);
}

int ReadInChild(const std::string& address, const char* streams_text,
                const char* events_text, const char* max_delay_ns) {
  int streams = 0;
  uint64_t events = 0;
  int64_t delay = 0;
  if (!absl::SimpleAtoi(streams_text, &streams) || streams < 1 ||
      !absl::SimpleAtoi(events_text, &events) ||
      !absl::SimpleAtoi(max_delay_ns, &delay)) {
    return 2;
  }
  const EventReadersResult result =
      ReadEvents(address, streams, events, delay, [] {
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
  if (argc == 5) return weir::ReadInChild(argv[1], argv[2], argv[3], argv[4]);
  weir::MeasurePublish();
  weir::MeasureVisible();
  weir::MeasureFanOut("fanout/1_stream_no_delay", 1, 10'000, 0);
  weir::MeasureFanOut("fanout/1_stream", 1, 10'000, -1);
  weir::MeasureFanOut("fanout/100_streams", 100, 10'000, -1);
  weir::MeasureFanOut("fanout/1000_streams", 1000, 1000, -1);
  weir::MeasureIdle();
  return 0;
}
