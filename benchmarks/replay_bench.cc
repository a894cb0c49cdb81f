// How fast does a client catch up: events of about 300 bytes from the ring, and
// from the journal, to one C++ client that parses each. The client is a process
// of its own.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "benchmarks/bench_node.h"
#include "grpcpp/grpcpp.h"
#include "weir/v1/event.grpc.pb.h"

namespace weir {
namespace {

using Mode = BenchNode::Mode;

constexpr int kTimes = 5;
constexpr int kRingEvents = 100'000;  // The standard ring holds a few more.
constexpr int kJournalEvents = 500'000;

void Measure(const char* name, Mode mode, int events,
             const BrokerOptions& options) {
  BenchNode node(mode, options);
  node.Publish(events);
  // Until the last is on disk, and what the ring does not keep is gone.
  while (node.broker().Stats().latest_seq < static_cast<uint64_t>(events)) {
    absl::SleepFor(absl::Milliseconds(10));
  }
  ReaderProcess reader({node.address(), absl::StrCat(events)});
  const double cpu = CpuNs();
  const std::string line = reader.ReadLine();
  std::printf("%s: item=event cpu_ns=%.0f %s", name,
              (CpuNs() - cpu) / kTimes / events, line.c_str());
  std::fflush(stdout);
}

// Reads everything there is, once. Returns how long that took.
int64_t ReplayOnce(v1::EventService::Stub& stub, uint64_t want) {
  v1::SubscribeRequest request;
  request.mutable_start()->mutable_earliest();
  request.set_stop_at_latest(true);
  grpc::ClientContext context;
  const int64_t begin_ns = MonotonicNs();
  const auto stream = stub.Subscribe(&context, request);
  v1::SubscribeResponse response;
  uint64_t n = 0;
  while (stream->Read(&response)) n += response.events_size();
  if (const grpc::Status status = stream->Finish(); !status.ok() || n != want) {
    std::fprintf(stderr, "replay_bench: %llu events, %s\n",
                 static_cast<unsigned long long>(n),
                 status.error_message().c_str());
    std::exit(1);
  }
  return MonotonicNs() - begin_ns;
}

int ReplayInChild(const std::string& address, const char* events) {
  uint64_t want = 0;
  if (!absl::SimpleAtoi(events, &want)) return 2;
  const auto stub = v1::EventService::NewStub(
      grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  std::puts("ready");
  std::fflush(stdout);
  const double cpu = CpuNs();
  int64_t best_ns = INT64_MAX;
  for (int i = 0; i < kTimes; ++i) {
    best_ns = std::min(best_ns, ReplayOnce(*stub, want));
  }
  const auto n = static_cast<double>(want);
  std::printf("wall_ns=%.0f events_per_s=%.0f client_cpu_ns=%.0f\n",
              static_cast<double>(best_ns) / n,
              n * 1e9 / static_cast<double>(best_ns),
              (CpuNs() - cpu) / kTimes / n);
  return 0;
}

}  // namespace
}  // namespace weir

int main(int argc, char** argv) {
  if (argc == 3) return weir::ReplayInChild(argv[1], argv[2]);
  weir::Measure("replay/ring", weir::BenchNode::Mode::kMemory,
                weir::kRingEvents, {});
  weir::BrokerOptions options;
  options.log.ring_events = 1000;
  weir::Measure("replay/journal", weir::BenchNode::Mode::kJournal,
                weir::kJournalEvents, options);
  return 0;
}
