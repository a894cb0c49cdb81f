// What does an event cost: to publish, and to deliver to 1 and to 100 streams,
// without the transport.
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "benchmark/benchmark.h"
#include "host/broker/broker.h"
#include "host/broker/journaled_log.h"
#include "host/control/event_stream.h"
#include "host/control/stream_options.h"
#include "host/pipeline/event.h"
#include "host/pipeline/event_codec.h"
#include "host/sync/system_clock.h"

namespace weir {
namespace {

// Frames an event as cheaply as can be; what protobuf costs is not the
// broker's.
class CopyingCodec final : public EventCodec {
 public:
  void AppendFramed(const Event& event, absl::string_view id, uint64_t /*seq*/,
                    absl::Time /*append_time*/,
                    std::string* out) const override {
    out->append(id.data(), id.size());
    out->append(event.type).append(event.source).append(event.subject);
    out->append(event.json);
  }
  void AppendHeadersOnly(absl::string_view framed,
                         std::string* out) const override {
    out->append(framed.data(), framed.size() / 2);
  }
  // Nothing is read back here.
  size_t FrameSize(absl::string_view bytes) const override {
    return bytes.size();
  }
  bool ReadFramed(absl::string_view, Event*, uint64_t*,
                  absl::Time*) const override {
    return false;
  }
};

// About 300 bytes, as a typical finding.
Event Finding() {
  Event event;
  event.type = "hijack.origin";
  event.source = "plugins/origin-watch";
  event.subject = "192.0.2.0/24";
  event.json =
      "{\"expected\":64496,\"text\":\"" + std::string(200, 'x') + "\"}";
  event.as_numbers = {64496, 64500};
  return event;
}

void Publish(benchmark::State& state) {
  const SystemClock clock;
  const CopyingCodec codec;
  Broker broker({}, "7k2mq9xv", codec, clock);
  const Event event = Finding();
  for (auto _ : state) {
    benchmark::DoNotOptimize(broker.Publish(event));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(Publish);

// The whole way of an event into the journal: appended, committed with the
// group of `batch` that it is in, checkpointed now and then. CPU of this
// thread, which does all of it, on the disk of /tmp.
void Journal(benchmark::State& state) {
  const SystemClock clock;
  const CopyingCodec codec;
  std::string directory = "/tmp/weir-bench-XXXXXX";
  if (mkdtemp(directory.data()) == nullptr) {
    state.SkipWithError("no directory");
    return;
  }
  {
    JournaledLogOptions options;
    options.journal.path = directory + "/journal.db";
    options.journal.new_epoch = "7k2mq9xv";
    options.journal.full_sync = state.range(1) != 0;
    options.retention.bytes = 256 << 20;
    auto log = JournaledLog::Open(options, codec, clock);
    if (!log.ok()) {
      state.SkipWithError(log.status().ToString().c_str());
      return;
    }
    const Event event = Finding();
    int64_t n = 0;
    for (auto _ : state) {
      benchmark::DoNotOptimize((*log)->Append(event));
      if (++n % state.range(0) == 0) (*log)->Step();
    }
    state.SetItemsProcessed(state.iterations());
    if ((*log)->degraded()) state.SkipWithError("degraded");
  }
  std::filesystem::remove_all(directory);
}
BENCHMARK(Journal)
    ->ArgNames({"batch", "full"})
    ->Args({64, 0})
    ->Args({256, 0})
    ->Args({1024, 0})
    ->Args({256, 1});

// Bursts of 256 events, each to all streams; the publishing is not counted.
void Deliver(benchmark::State& state) {
  const SystemClock clock;
  const CopyingCodec codec;
  Broker broker({}, "7k2mq9xv", codec, clock);
  const Event event = Finding();
  const bool filtered = state.range(1) != 0;
  std::vector<std::unique_ptr<EventStream>> streams;
  StreamItem item;
  for (int64_t i = 0; i < state.range(0); ++i) {
    StreamOptions options;
    if (filtered) {
      options.filters.emplace_back().types = {"hijack.*"};
      options.filters.back().subject_regexes = {"^192\\.0\\.2\\."};
    }
    streams.push_back(*broker.Open(options, [] {}));
    while (streams.back()->Next(&item)) {
    }
  }
  uint64_t delivered = 0;
  for (auto _ : state) {
    state.PauseTiming();
    for (int i = 0; i < 256; ++i) {
      if (!broker.Publish(event).ok()) state.SkipWithError("publish");
    }
    state.ResumeTiming();
    for (const auto& stream : streams) {
      while (stream->Next(&item)) {
        delivered += item.n_events;
        stream->OnWritten(1);
      }
    }
  }
  state.SetItemsProcessed(static_cast<int64_t>(delivered));
}
BENCHMARK(Deliver)
    ->ArgNames({"streams", "filtered"})
    ->Args({1, 0})
    ->Args({100, 0})
    ->Args({1, 1})
    ->Args({100, 1});

// A hundred streams, each with a regular expression of its own that one event
// in a hundred has; the time of all of them together, per published event. With
// sets:0 each looks for itself.
void FilterHundredClasses(benchmark::State& state) {
  constexpr int kClasses = 100;
  const SystemClock clock;
  const CopyingCodec codec;
  Broker broker({}, "7k2mq9xv", codec, clock);
  std::vector<std::unique_ptr<EventStream>> streams;
  StreamItem item;
  for (int i = 0; i < kClasses; ++i) {
    StreamOptions options;
    options.filters.emplace_back().subject_regexes = {
        absl::StrCat("^192\\.0\\.2\\.", i, "(/|$)")};
    streams.push_back(*broker.Open(options, [] {}));
    while (streams.back()->Next(&item)) {
    }
  }
  if (state.range(0) != 0) broker.MakeRegexSets();
  Event event = Finding();
  int64_t published = 0;
  for (auto _ : state) {
    state.PauseTiming();
    for (int i = 0; i < 256; ++i) {
      event.subject = absl::StrCat("192.0.2.", published++ % kClasses, "/32");
      if (!broker.Publish(event).ok()) state.SkipWithError("publish");
    }
    state.ResumeTiming();
    for (const auto& stream : streams) {
      while (stream->Next(&item)) stream->OnWritten(1);
    }
  }
  state.SetItemsProcessed(published);
}
BENCHMARK(FilterHundredClasses)->ArgName("sets")->Arg(0)->Arg(1);

}  // namespace
}  // namespace weir
