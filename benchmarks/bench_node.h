#ifndef WEIR_BENCHMARKS_BENCH_NODE_H_
#define WEIR_BENCHMARKS_BENCH_NODE_H_

#include <sys/types.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "host/broker/broker.h"
#include "host/rpc/access.h"
#include "host/rpc/event_service.h"
#include "host/rpc/proto_event_codec.h"
#include "host/rpc/rpc_counter.h"
#include "host/rpc/server.h"
#include "host/sync/system_clock.h"

namespace weir {

// CLOCK_MONOTONIC.
int64_t MonotonicNs();

// CPU time of this process.
double CpuNs();

// An event log and its server on loopback, without the rest of a host.
class BenchNode {
 public:
  // With a journal in a directory of its own below /tmp, or in memory only.
  enum class Mode { kMemory, kJournal };
  explicit BenchNode(Mode mode, const BrokerOptions& options = {});
  ~BenchNode();

  BenchNode(const BenchNode&) = delete;
  BenchNode& operator=(const BenchNode&) = delete;

  // Publishes `n` events of about 300 bytes, as typical findings are, each with
  // the time (event_readers.h).
  void Publish(int n);

  // Publishes so many a second for so long, in a burst each millisecond.
  // Returns the CPU time that went by meanwhile and in the second behind, in
  // which the last are read.
  double PublishSteadily(int per_second, int seconds);

  Broker& broker() { return *broker_; }
  const std::string& address() const { return server_->addresses().front(); }

 private:
  const SystemClock clock_;
  const ProtoEventCodec codec_;
  const Access access_{Access::Options()};
  std::string directory_;  // Of the journal.
  RpcCounter counter_;
  std::unique_ptr<Broker> broker_;
  std::unique_ptr<EventService> service_;
  std::unique_ptr<Server> server_;
};

// The program that reads: this one, with other arguments, so that its CPU time
// is not the server's. It says in a first line that it is ready.
class ReaderProcess {
 public:
  explicit ReaderProcess(std::vector<std::string> arguments);
  ~ReaderProcess();  // Kills it, if it still runs.

  ReaderProcess(const ReaderProcess&) = delete;
  ReaderProcess& operator=(const ReaderProcess&) = delete;

  // The next line that it says, with its end.
  std::string ReadLine();

 private:
  pid_t pid_ = 0;
  std::FILE* output_ = nullptr;
};

}  // namespace weir

#endif  // WEIR_BENCHMARKS_BENCH_NODE_H_
