// What does it cost to read a Nakadi subscription and to commit it: at one
// event a batch and at many, by each commit strategy, through the pull API and
// through the host's source with its decoder. The server is a process of its
// own, on loopback, unpacked, with 4 partitions of 200-byte events; CPU is the
// reader's alone.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "benchmarks/figures.h"
#include "host/decode/decode_stage.h"
#include "host/decode/nakadi_decoder.h"
#include "host/pipeline/frame_batch.h"
#include "host/pipeline/message_batch.h"
#include "host/pipeline/message_sink.h"
#include "host/pipeline/name_table.h"
#include "host/pipeline/slab_pool.h"
#include "host/source/nakadi_source.h"
#include "host/sync/system_clock.h"
#include "lib/nakadi/options.h"
#include "lib/nakadi/stream_api.h"
#include "tests/fakes/nakadi/fake_nakadi.h"

namespace weir {
namespace {

constexpr int kPartitions = 4;
constexpr size_t kEventBytes = 200;

// A server in a child process, which has `events` events in all.
class ServerProcess {
 public:
  explicit ServerProcess(uint64_t events) {
    int fds[2];
    if (pipe(fds) != 0) std::abort();
    pid_ = fork();
    if (pid_ == 0) {
      Serve(events, fds[1]);
    }
    close(fds[1]);
    char text[256] = {};
    const ssize_t got = read(fds[0], text, sizeof(text) - 1);
    if (got <= 0) std::abort();
    const std::string both(text, static_cast<size_t>(got));
    url = both.substr(0, both.find(' '));
    subscription = both.substr(both.find(' ') + 1);
    close(fds[0]);
  }
  ~ServerProcess() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  std::string url, subscription;

 private:
  [[noreturn]] static void Serve(uint64_t events, int out) {
    fake_nakadi::FakeNakadi server;
    server.AddEventType("shop.order", kPartitions);
    const std::string id = server.AddSubscription(
        {.read_from = "begin", .event_types = {"shop.order"}});
    const std::string begin =
        R"({"metadata":{"eid":"7a1c0f52-6a57-4c0e-9d55-2f6b0f6c1a11",)"
        R"("occurred_at":"2024-05-02T08:15:31Z"},"order":")";
    const std::string event = absl::StrCat(
        begin, std::string(kEventBytes - begin.size() - 2, 'A'), "\"}");
    for (int i = 0; i < kPartitions; ++i) {
      server.Fill({"shop.order", absl::StrCat(i)}, event, events / kPartitions);
    }
    const std::string text = absl::StrCat(server.url(), " ", id);
    if (write(out, text.data(), text.size()) < 0) std::abort();
    while (true) pause();
  }

  pid_t pid_;
};

struct Case {
  const char* name;
  uint32_t batch_limit, window;
  uint64_t events;
  nakadi::CommitStrategy strategy;
};

// Measures from its construction to Report.
class Measure {
 public:
  void Report(absl::string_view how, const Case& one, uint64_t events,
              uint64_t commits) const {
    const double cpu = CpuSeconds() - cpu_;
    const double wall =
        static_cast<double>(clock_.MonotonicNs() - begin_ns_) / 1e9;
    const auto count = static_cast<double>(events);
    std::printf(
        "nakadi/%s/batch:%u/window:%u/%s: cpu_ns=%.0f wall_ns=%.0f "
        "events/s=%.0f events/commit=%.1f\n",
        std::string(how).c_str(), one.batch_limit, one.window, one.name,
        cpu * 1e9 / count, wall * 1e9 / count, count / wall,
        count / static_cast<double>(std::max<uint64_t>(commits, 1)));
    std::fflush(stdout);
  }

 private:
  SystemClock clock_;
  const double cpu_ = CpuSeconds();
  const int64_t begin_ns_ = clock_.MonotonicNs();
};

void PullApi(const Case& one) {
  const ServerProcess server(one.events);
  nakadi::StreamApi stream({.url = server.url, .gzip = false},
                           server.subscription,
                           {.batch_limit = one.batch_limit,
                            .flush_timeout = absl::Seconds(1),
                            .max_uncommitted_events = one.window,
                            .commit_later = true,
                            .strategy = one.strategy});
  const Measure measure;
  uint64_t events = 0;
  while (events < one.events) {
    const absl::StatusOr<nakadi::StreamApi::Batch> batch = stream.NextEvents();
    if (!batch.ok()) std::abort();
    events += batch->count;
    stream.CommitLater(*batch);
  }
  measure.Report("api", one, events, stream.commit_counts().committed);
}

// Handlers that are done at once.
class NoHandlers final : public MessageSink {
 public:
  void Dispatch(MessageBatchRef) override {}
  bool Wanted(uint16_t) const override { return false; }
};

void HostSource(const Case& one) {
  const ServerProcess server(one.events);
  const SystemClock clock;
  SlabPool pool;
  NameTable types;
  InternWellKnownTypes(types);
  std::atomic<uint64_t> seq{0};
  NoHandlers handlers;
  DecodeStage stage({.source = "sources/bench"},
                    std::make_unique<NakadiDecoder>(types),
                    {.pool = pool,
                     .types = types,
                     .last_seq = seq,
                     .sink = handlers,
                     .upstream_error = {},
                     .clock = clock});
  NakadiOptions options;
  options.id = "bench";
  options.client = {.url = server.url, .gzip = false};
  options.subscription_id = server.subscription;
  options.stream = {.batch_limit = one.batch_limit,
                    .batch_flush_timeout = absl::Seconds(1),
                    .max_uncommitted_events = one.window};
  options.strategy = one.strategy;
  NakadiSource source(options, clock);
  if (!source.Connect().ok()) std::abort();
  const Measure measure;
  FrameBatch batch;
  while (seq.load() < one.events) {
    batch.frames.clear();
    batch.receipt = Receipt();
    if (!source.Read(&batch).ok()) std::abort();
    stage.Accept(batch);
  }
  measure.Report("source", one, seq.load(), source.GetProgress().commits);
}

int Run() {
  const nakadi::CommitStrategy at_once;
  const nakadi::CommitStrategy by_count = {.every_events = 1000};
  const nakadi::CommitStrategy by_time = {.interval = absl::Milliseconds(20)};
  const Case cases[] = {
      {"at_once", 1, 10, 100'000, at_once},
      {"at_once", 1, 1'000, 500'000, at_once},
      {"every_1000", 1, 10'000, 500'000, by_count},
      {"every_20ms", 1, 10'000, 500'000, by_time},
      {"at_once", 10, 100, 500'000, at_once},
      {"at_once", 100, 4'000, 4'000'000, at_once},
      {"every_1000", 100, 4'000, 4'000'000, by_count},
      {"every_20ms", 100, 20'000, 4'000'000, by_time},
      {"at_once", 1'000, 20'000, 8'000'000, at_once},
  };
  for (const Case& one : cases) {
    PullApi(one);
    HostSource(one);
  }
  return 0;
}

}  // namespace
}  // namespace weir

int main() { return weir::Run(); }
