// What does a NATS subject cost to read: by cnats alone, as a program of its
// own would, and through the host's source with its decoder. The server and the
// publisher are processes of their own, on loopback; CPU is the reader's alone.
//
// Both take turns, and what is printed is the median of each, and of the
// quotients of those that followed each other: one run of either is worth
// little.
#include <nats.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "benchmarks/figures.h"
#include "host/decode/decode_stage.h"
#include "host/decode/opaque_decoder.h"
#include "host/pipeline/frame_batch.h"
#include "host/pipeline/message.h"
#include "host/pipeline/message_batch.h"
#include "host/pipeline/message_sink.h"
#include "host/pipeline/name_table.h"
#include "host/pipeline/slab_pool.h"
#include "host/source/nats_source.h"
#include "host/sync/system_clock.h"
#include "tests/fakes/nats/nats_server.h"

namespace weir {
namespace {

constexpr uint64_t kMessages = 1'000'000;
constexpr int kRounds = 7;
constexpr char kSubject[] = "bench.subject";

// In a process of its own: publishes all messages when a byte arrives on `go`.
[[noreturn]] void Publish(const std::string& url, size_t bytes, int go) {
  natsConnection* connection = nullptr;
  if (natsConnection_ConnectTo(&connection, url.c_str()) != NATS_OK) abort();
  char byte = 0;
  if (read(go, &byte, 1) != 1) abort();
  const std::string data(bytes, 'x');
  for (uint64_t i = 0; i < kMessages; ++i) {
    natsConnection_Publish(connection, kSubject, data.data(),
                           static_cast<int>(data.size()));
  }
  natsConnection_Flush(connection);
  natsConnection_Close(connection);
  _exit(0);
}

struct Figures {
  double cpu_ns = 0;  // Of a message.
  double rate = 0;    // Messages per second.
};

// What `read` takes to have seen all messages. `read` calls its argument when
// it listens, and returns when it has them.
template <typename Read>
Figures Measure(size_t bytes, const std::string& url, const Read& read) {
  int go[2];
  int result[2];
  if (pipe(go) != 0 || pipe(result) != 0) abort();
  Figures figures;
  // The reader and the publisher are forked before cnats has threads.
  const pid_t reader = fork();
  if (reader < 0) abort();
  if (reader != 0) {
    for (const int fd : {go[0], go[1], result[1]}) close(fd);
    if (::read(result[0], &figures, sizeof(figures)) != sizeof(figures)) {
      abort();
    }
    close(result[0]);
    int status = 0;
    waitpid(reader, &status, 0);
    if (status != 0) abort();
    return figures;
  }
  const pid_t publisher = fork();
  if (publisher == 0) Publish(url, bytes, go[0]);
  absl::Time begin;
  double cpu = 0;
  read([&] {
    begin = absl::Now();
    cpu = CpuSeconds();
    if (write(go[1], "g", 1) != 1) abort();
  });
  figures.rate = kMessages / absl::ToDoubleSeconds(absl::Now() - begin);
  figures.cpu_ns = (CpuSeconds() - cpu) * 1e9 / kMessages;
  waitpid(publisher, nullptr, 0);
  if (write(result[1], &figures, sizeof(figures)) != sizeof(figures)) abort();
  _exit(0);
}

void Count(natsConnection*, natsSubscription*, natsMsg* message, void* count) {
  natsMsg_Destroy(message);
  static_cast<std::atomic<uint64_t>*>(count)->fetch_add(1);
}

class CountingSink final : public MessageSink {
 public:
  bool Wanted(uint16_t type_id) const override { return type_id != kTypeRaw; }
  void Dispatch(MessageBatchRef batch) override {
    for (const Message* m = batch->first(); m != nullptr; m = m->next) ++count;
  }
  uint64_t count = 0;
};

Figures ReadByCnats(size_t bytes, const std::string& url) {
  return Measure(bytes, url, [&](const auto& listening) {
    natsConnection* connection = nullptr;
    natsSubscription* subscription = nullptr;
    std::atomic<uint64_t> count{0};
    if (natsConnection_ConnectTo(&connection, url.c_str()) != NATS_OK) abort();
    natsConnection_Subscribe(&subscription, connection, kSubject, &Count,
                             &count);
    natsSubscription_SetPendingLimits(subscription, -1, -1);
    natsConnection_Flush(connection);
    listening();
    while (count.load() < kMessages) absl::SleepFor(absl::Milliseconds(1));
  });
}

Figures ReadBySource(size_t bytes, const std::string& url) {
  return Measure(bytes, url, [&](const auto& listening) {
    const SystemClock clock;
    NatsOptions options;
    options.servers = {url};
    options.subjects = {kSubject};
    options.pending_limit = kMessages;
    NatsSource source(options, clock);
    if (!source.Connect().ok()) abort();
    SlabPool pool;
    NameTable types;
    InternWellKnownTypes(types);
    CountingSink sink;
    std::atomic<uint64_t> seq{0};
    DecodeStage stage({.source = "sources/bench", .source_id = 1},
                      std::make_unique<OpaqueDecoder>(types, ""),
                      {pool, types, seq, sink, {}, clock});
    listening();
    FrameBatch batch;
    while (sink.count < kMessages) {
      batch.frames.clear();
      batch.subjects.clear();
      if (!source.Read(&batch).ok()) abort();
      stage.Accept(batch);
    }
  });
}

void Run(size_t bytes) {
  const NatsServer server;
  std::vector<double> cpu[2];
  std::vector<double> rate[2];
  std::vector<double> cpu_quotient;
  std::vector<double> rate_quotient;
  for (int round = 0; round < kRounds; ++round) {
    const Figures figures[] = {ReadByCnats(bytes, server.url()),
                               ReadBySource(bytes, server.url())};
    for (int i = 0; i < 2; ++i) {
      cpu[i].push_back(figures[i].cpu_ns);
      rate[i].push_back(figures[i].rate);
    }
    cpu_quotient.push_back(figures[1].cpu_ns / figures[0].cpu_ns);
    rate_quotient.push_back(figures[1].rate / figures[0].rate);
  }
  const char* const names[] = {"cnats", "source"};
  for (int i = 0; i < 2; ++i) {
    printf("nats/%-8s %5zu bytes  %8.0f ns CPU/message  %10.0f messages/s\n",
           names[i], bytes, Median(cpu[i]), Median(rate[i]));
  }
  printf("nats/quotient %5zu bytes  %8.2f x CPU          %10.2f x messages/s\n",
         bytes, Median(cpu_quotient), Median(rate_quotient));
  fflush(stdout);
}

}  // namespace
}  // namespace weir

int main() {
  for (const size_t bytes : {110, 1024}) weir::Run(bytes);
}
