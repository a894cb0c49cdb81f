// What does a message of a JetStream stream cost to read and acknowledge: by
// cnats alone, which fetches and acknowledges, and through the host's source
// with its decoder and handlers that are done at once. The server is a process
// of its own, on loopback, with its files below TEST_TMPDIR or /tmp; CPU is the
// reader's alone. Both have the same stream, max_ack_pending and requests of
// 512 messages.
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

#include "absl/strings/str_cat.h"
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
#include "host/source/jetstream_source.h"
#include "host/sync/system_clock.h"
#include "tests/fakes/nats/nats_server.h"

namespace weir {
namespace {

constexpr uint64_t kMessages = 200'000;
constexpr uint32_t kMaxAckPending = 1024;
constexpr int kFetch = 512;
constexpr int kPairs = 5;
constexpr char kStream[] = "BENCH";
constexpr char kSubject[] = "bench.subject";

struct Figures {
  double cpu_ns = 0;  // Of a message.
  double rate = 0;    // Messages per second.
};

// Runs `work` in a process of its own, as cnats has threads that a fork after
// it would not have, and returns what it took.
template <typename Work>
Figures InAProcess(const Work& work) {
  int result[2];
  if (pipe(result) != 0) abort();
  const pid_t child = fork();
  if (child < 0) abort();
  Figures figures;
  if (child == 0) {
    const absl::Time begin = absl::Now();
    const double cpu = CpuSeconds();
    work();
    figures.rate = kMessages / absl::ToDoubleSeconds(absl::Now() - begin);
    figures.cpu_ns = (CpuSeconds() - cpu) * 1e9 / kMessages;
    if (write(result[1], &figures, sizeof(figures)) != sizeof(figures)) abort();
    _exit(0);
  }
  close(result[1]);
  if (read(result[0], &figures, sizeof(figures)) != sizeof(figures)) abort();
  close(result[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (status != 0) abort();
  return figures;
}

void Must(natsStatus status) {
  if (status == NATS_OK) return;
  fprintf(stderr, "%s\n", natsStatus_GetText(status));
  abort();
}

void Fill(const std::string& url, size_t bytes) {
  natsConnection* connection = nullptr;
  jsCtx* js = nullptr;
  Must(natsConnection_ConnectTo(&connection, url.c_str()));
  Must(natsConnection_JetStream(&js, connection, nullptr));
  jsStreamConfig config;
  jsStreamConfig_Init(&config);
  config.Name = kStream;
  const char* subjects[] = {kSubject};
  config.Subjects = subjects;
  config.SubjectsLen = 1;
  Must(js_AddStream(nullptr, js, &config, nullptr, nullptr));
  const std::string data(bytes, 'x');
  for (uint64_t i = 0; i < kMessages; ++i) {
    Must(js_PublishAsync(js, kSubject, data.data(),
                         static_cast<int>(data.size()), nullptr));
    if (i % 1000 == 0) Must(js_PublishAsyncComplete(js, nullptr));
  }
  Must(js_PublishAsyncComplete(js, nullptr));
}

void ReadByCnats(const std::string& url, const std::string& durable) {
  natsConnection* connection = nullptr;
  jsCtx* js = nullptr;
  Must(natsConnection_ConnectTo(&connection, url.c_str()));
  Must(natsConnection_JetStream(&js, connection, nullptr));
  jsSubOptions options;
  jsSubOptions_Init(&options);
  options.Config.MaxAckPending = kMaxAckPending;
  natsSubscription* subscription = nullptr;
  Must(js_PullSubscribe(&subscription, js, kSubject, durable.c_str(), nullptr,
                        &options, nullptr));
  for (uint64_t count = 0; count < kMessages;) {
    natsMsgList list;
    Must(natsSubscription_Fetch(&list, subscription, kFetch, 5000, nullptr));
    for (int i = 0; i < list.Count; ++i) {
      Must(natsMsg_Ack(list.Msgs[i], nullptr));
    }
    count += static_cast<uint64_t>(list.Count);
    natsMsgList_Destroy(&list);
  }
  Must(natsConnection_Flush(connection));
}

class CountingSink final : public MessageSink {
 public:
  bool Wanted(uint16_t type_id) const override { return type_id != kTypeRaw; }
  void Dispatch(MessageBatchRef batch) override {
    batch->MarkHandled();
    for (const Message* m = batch->first(); m != nullptr; m = m->next) ++count;
  }
  uint64_t count = 0;
};

void ReadBySource(const std::string& url, const std::string& durable,
                  size_t batch_messages) {
  const SystemClock clock;
  JetStreamOptions options;
  options.server.servers = {url};
  options.consumer.stream = kStream;
  options.consumer.durable = durable;
  options.consumer.max_ack_pending = kMaxAckPending;
  options.batch_messages = batch_messages;
  JetStreamSource source(options, clock);
  if (!source.Connect().ok()) abort();
  SlabPool pool;
  NameTable types;
  InternWellKnownTypes(types);
  CountingSink sink;
  std::atomic<uint64_t> seq{0};
  DecodeStage stage({.source = "sources/bench", .source_id = 1},
                    std::make_unique<OpaqueDecoder>(types, ""),
                    {pool, types, seq, sink, {}, clock});
  FrameBatch batch;
  while (sink.count < kMessages) {
    batch.frames.clear();
    batch.subjects.clear();
    batch.notes.clear();
    if (!source.Read(&batch).ok()) abort();
    stage.Accept(batch);
  }
  while (source.GetProgress().commits < kMessages) {
    absl::SleepFor(absl::Milliseconds(1));
  }
}

void Print(const char* name, size_t bytes, const std::vector<Figures>& runs,
           const std::vector<Figures>& cnats) {
  std::vector<double> cpu;
  std::vector<double> rates;
  std::vector<double> quotients;
  for (size_t i = 0; i < runs.size(); ++i) {
    cpu.push_back(runs[i].cpu_ns);
    rates.push_back(runs[i].rate);
    quotients.push_back(runs[i].rate / cnats[i].rate);
  }
  printf(
      "jetstream/%-10s %5zu bytes  %8.0f ns CPU/message  %8.0f messages/s"
      "  %.2f x cnats\n",
      name, bytes, Median(cpu), Median(rates), Median(quotients));
  fflush(stdout);
}

void Run(size_t bytes) {
  const NatsServer server("jetstream {}");
  const std::string url = server.url();
  InAProcess([&] { Fill(url, bytes); });
  std::vector<Figures> cnats;
  std::vector<Figures> one;
  std::vector<Figures> many;
  for (int i = 0; i < kPairs; ++i) {
    cnats.push_back(
        InAProcess([&] { ReadByCnats(url, absl::StrCat("cnats", i)); }));
    one.push_back(
        InAProcess([&] { ReadBySource(url, absl::StrCat("one", i), 1); }));
    many.push_back(
        InAProcess([&] { ReadBySource(url, absl::StrCat("many", i), 64); }));
  }
  Print("cnats", bytes, cnats, cnats);
  Print("batch:1", bytes, one, cnats);
  Print("batch:64", bytes, many, cnats);
}

}  // namespace
}  // namespace weir

int main() {
  for (const size_t bytes : {110, 1024}) weir::Run(bytes);
}
