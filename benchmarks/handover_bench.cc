// What handing a message over to a handler costs, from the dispatcher's call to
// the end of the handler's: CPU time of all threads, per message and handler.
// With a plugin, in this process and in a child: of both processes.
#include <dlfcn.h>
#include <sys/resource.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "benchmark/benchmark.h"
#include "host/dispatch/dispatcher.h"
#include "host/pipeline/event.h"
#include "host/pipeline/event_sink.h"
#include "host/pipeline/handler.h"
#include "host/pipeline/handler_registry.h"
#include "host/pipeline/message.h"
#include "host/pipeline/message_batch.h"
#include "host/pipeline/message_writer.h"
#include "host/pipeline/name_table.h"
#include "host/pipeline/shared_arena.h"
#include "host/pipeline/slab_pool.h"
#include "host/plugin/child_handler.h"
#include "host/plugin/child_supervisor.h"
#include "host/plugin/in_process_handler.h"
#include "host/plugin/plugin_host_services.h"
#include "host/plugin/plugin_table.h"
#include "host/sync/system_clock.h"
#include "tests/support/counting_allocator.h"
#include "weir/plugin_abi.h"

namespace weir {
namespace {

// Looks at each message, as the cheapest real handler does.
class TouchingHandler final : public Handler {
 public:
  absl::Status Create() override { return absl::OkStatus(); }
  int64_t QueueCapacity() override { return 8192; }
  bool WantsMessage(absl::string_view type) override { return type != "RAW"; }
  RunOutcome HandleMessages(absl::Span<const Message* const> messages,
                            std::atomic<uint32_t>& done,
                            std::atomic<uint32_t>&) override {
    uint32_t n = 0;
    for (const Message* message : messages) {
      sum_ += message->view.seq;
      done.store(++n, std::memory_order_release);
    }
    return {};
  }
  void Destroy() override { benchmark::DoNotOptimize(sum_); }

 private:
  uint64_t sum_ = 0;
};

// Of the whole process.
double CpuNs() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  const auto ns = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e9 +
           static_cast<double>(time.tv_usec) * 1e3;
  };
  return ns(usage.ru_utime) + ns(usage.ru_stime);
}

// A decoder's part of the work: writes a batch of `n` messages of 600 bytes,
// which is what an UPDATE of RIS Live has.
MessageBatchRef WriteBatch(MessageWriter& writer, int64_t n) {
  static const std::string& payload = *new std::string(600, 'x');
  writer.Begin({});
  for (int64_t i = 0; i < n; ++i) {
    const MessageWriter::Room room = writer.Reserve(payload, 0, 0);
    room.message->view.type_id = kTypeUpdate;
    room.message->view.seq = static_cast<uint64_t>(i);
    writer.Commit(0, 0);
  }
  return writer.Finish();
}

// The handlers have the policy `block`, so each message is handled.
void HandOver(benchmark::State& state) {
  const int64_t handlers = state.range(0);
  const int64_t batch = state.range(1);
  const SystemClock clock;
  NameTable types;
  InternWellKnownTypes(types);
  NameTable sources;
  SlabPool pool;
  MessageWriter writer(pool);
  Dispatcher dispatcher(types, sources, pool, clock);
  for (int64_t i = 0; i < handlers; ++i) {
    const auto added = dispatcher.AddHandler(
        {.name = absl::StrCat("h", i), .policy = QueuePolicy::kBlock},
        std::make_unique<TouchingHandler>());
    if (!added.ok()) return state.SkipWithError("no handler");
  }
  for (int i = 0; i < 100; ++i) dispatcher.Dispatch(WriteBatch(writer, 256));
  dispatcher.Drain(absl::InfiniteDuration());

  const double cpu_begin = CpuNs();
  const uint64_t allocations_begin = AllocationCount();
  for (auto _ : state) dispatcher.Dispatch(WriteBatch(writer, batch));
  dispatcher.Drain(absl::InfiniteDuration());
  const auto messages = static_cast<double>(state.iterations() * batch);
  const double cpu = CpuNs() - cpu_begin;
  const auto allocations =
      static_cast<double>(AllocationCount() - allocations_begin);

  state.SetItemsProcessed(state.iterations() * batch);
  state.counters["cpu_ns/msg"] = cpu / messages;
  state.counters["cpu_ns/msg/handler"] =
      handlers == 0 ? 0 : cpu / messages / static_cast<double>(handlers);
  state.counters["allocs/msg"] = allocations / messages;
  state.counters["allocs/batch"] =
      allocations / static_cast<double>(state.iterations());
}
// With no handler at all: what writing the batch costs, to subtract.
BENCHMARK(HandOver)
    ->ArgNames({"handlers", "batch"})
    ->ArgsProduct({{0, 1, 8}, {1, 64, 256}})
    ->UseRealTime();

// What was built for this program lies beside it.
std::string Built(const char* path) {
  return absl::StrCat(std::filesystem::read_symlink("/proc/self/exe").string(),
                      ".runfiles/weir/", path);
}

class NoSink final : public EventSink {
 public:
  absl::Status Publish(Event) override { return absl::OkStatus(); }
};

constexpr char kPlugin[] = "benchmarks/touches.so";

absl::StatusOr<std::unique_ptr<Handler>> MakeInProcess(
    std::shared_ptr<PluginHostServices> services) {
  void* const library = dlopen(Built(kPlugin).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return absl::NotFoundError(dlerror());
  const absl::StatusOr<weir_plugin> table = EnterPlugin(library);
  if (!table.ok()) return table.status();
  return std::make_unique<InProcessHandler>(*table, nullptr,
                                            std::move(services), "{}");
}

// One plugin, in this process or in a child; `arena` 0: messages lie in the
// heap, and go to the child as copies.
void HandOverToPlugin(benchmark::State& state) {
  const bool in_child = state.range(0) != 0;
  const int64_t batch = state.range(2);
  const SystemClock clock;
  NameTable types;
  InternWellKnownTypes(types);
  NameTable sources;
  const auto arena = SharedArena::Create();
  const auto supervisor = ChildSupervisor::Start();
  if (!arena.ok() || !supervisor.ok()) return state.SkipWithError("no child");
  SlabPool pool(state.range(1) != 0 ? arena->get() : nullptr);
  MessageWriter writer(pool);
  NoSink sink;
  const auto services = std::make_shared<PluginHostServices>(
      PluginHostOptions{.name = "plugins/touches",
                        .write_log = [](auto&&...) {}},
      sink, types, sources, clock);
  auto in_process = MakeInProcess(services);
  if (!in_process.ok()) return state.SkipWithError("no plugin");
  auto child = std::make_unique<ChildHandler>(
      ChildHandlerOptions{.runner = Built("runner/weir-plugin-runner"),
                          .module = Built(kPlugin),
                          .name = "touches"},
      **supervisor, arena->get(), services, types, sources);
  const ChildHandler& look = *child;  // Lives as long as the dispatcher.
  const auto cpu_ns = [&] {
    return CpuNs() + (in_child ? look.usage().cpu_seconds * 1e9 : 0);
  };

  Dispatcher dispatcher(types, sources, pool, clock);
  std::unique_ptr<Handler> handler = *std::move(in_process);
  if (in_child) handler = std::move(child);
  const auto added = dispatcher.AddHandler(
      {.name = "h", .policy = QueuePolicy::kBlock}, std::move(handler));
  if (!added.ok()) return state.SkipWithError("no handler");
  for (int i = 0; i < 100; ++i) dispatcher.Dispatch(WriteBatch(writer, 256));
  dispatcher.Drain(absl::InfiniteDuration());

  const double cpu_begin = cpu_ns();
  const uint64_t allocations_begin = AllocationCount();
  for (auto _ : state) dispatcher.Dispatch(WriteBatch(writer, batch));
  dispatcher.Drain(absl::InfiniteDuration());
  const auto messages = static_cast<double>(state.iterations() * batch);
  state.SetItemsProcessed(state.iterations() * batch);
  state.counters["cpu_ns/msg"] = (cpu_ns() - cpu_begin) / messages;
  state.counters["allocs/batch"] =
      static_cast<double>(AllocationCount() - allocations_begin) /
      static_cast<double>(state.iterations());
}
BENCHMARK(HandOverToPlugin)
    ->ArgNames({"child", "arena", "batch"})
    ->Args({0, 1, 1})
    ->Args({1, 1, 1})
    ->Args({0, 1, 64})
    ->Args({1, 1, 64})
    ->Args({0, 1, 256})
    ->Args({1, 1, 256})
    ->Args({1, 0, 256})
    ->UseRealTime();

}  // namespace
}  // namespace weir
