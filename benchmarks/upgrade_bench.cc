// How long is a plugin's work interrupted by a reload that hands its state
// over: from the last message of the old instance to the first of the new one,
// with messages waiting all the time. In a child, and in this process.
#include <dlfcn.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "host/control/plugin_operation.h"
#include "host/dispatch/dispatcher.h"
#include "host/pipeline/event.h"
#include "host/pipeline/event_sink.h"
#include "host/pipeline/message_writer.h"
#include "host/pipeline/name_table.h"
#include "host/pipeline/receipt.h"
#include "host/pipeline/shared_arena.h"
#include "host/pipeline/slab_pool.h"
#include "host/plugin/child_handler.h"
#include "host/plugin/child_supervisor.h"
#include "host/plugin/desired_state.h"
#include "host/plugin/in_process_handler.h"
#include "host/plugin/instance_maker.h"
#include "host/plugin/plugin_machine.h"
#include "host/plugin/plugin_table.h"
#include "host/sync/mutex.h"
#include "host/sync/system_clock.h"

namespace weir {
namespace {

constexpr int kReloads = 100;
constexpr char kModule[] = "benchmarks/pauses.so";
constexpr char kRunner[] = "runner/weir-plugin-runner";

// Keeps the pauses that the plugin tells.
class Pauses final : public EventSink {
 public:
  absl::Status Publish(Event event) override ABSL_LOCKS_EXCLUDED(mu_) {
    if (event.type != "pause") return absl::OkStatus();
    MutexLock lock(&mu_);
    ns_.push_back(std::atoll(event.json.c_str()));
    return absl::OkStatus();
  }
  std::vector<int64_t> ns() const ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    return ns_;
  }

 private:
  mutable Mutex mu_;
  std::vector<int64_t> ns_ ABSL_GUARDED_BY(mu_);
};

struct Parts {
  NameTable types, sources;
  SystemClock clock;
  std::unique_ptr<SharedArena> arena = SharedArena::Create().value();
  SlabPool pool{arena.get()};
  std::unique_ptr<ChildSupervisor> supervisor =
      ChildSupervisor::Start().value();
};

class Maker final : public InstanceMaker {
 public:
  Maker(Parts& parts, bool in_child) : parts_(parts), in_child_(in_child) {}

  absl::StatusOr<MadeInstance> Make(
      const PluginSlotSpec&, uint64_t, absl::string_view,
      std::shared_ptr<PluginHostServices> services) override {
    MadeInstance made;
    if (in_child_) {
      made.handler = std::make_shared<ChildHandler>(
          ChildHandlerOptions{
              .runner = kRunner, .module = kModule, .name = "pauses"},
          *parts_.supervisor, parts_.arena.get(), std::move(services),
          parts_.types, parts_.sources);
      return made;
    }
    void* const library = dlopen(kModule, RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) return absl::NotFoundError(dlerror());
    const auto table = EnterPlugin(library);
    if (!table.ok()) return table.status();
    made.handler = std::make_shared<InProcessHandler>(
        *table, nullptr, std::move(services), "{}");
    return made;
  }

  absl::StatusOr<std::shared_ptr<Trial>> MakeTrial(const PluginSlotSpec&,
                                                   absl::string_view) override {
    return absl::UnimplementedError("MakeTrial");
  }

  absl::StatusOr<ModuleFacts> Look(const PluginSlotSpec&,
                                   absl::string_view) override {
    return absl::UnimplementedError("Look");
  }

 private:
  Parts& parts_;
  const bool in_child_;
};

void Measure(const char* name, bool in_child) {
  Parts parts;
  InternWellKnownTypes(parts.types);
  const uint16_t source = parts.sources.Intern("bench");
  Dispatcher dispatcher(parts.types, parts.sources, parts.pool, parts.clock);
  Maker maker(parts, in_child);
  Pauses pauses;
  PluginSlotSpec spec;
  spec.id = "pauses";
  spec.options.policy = QueuePolicy::kBlock;
  PluginMachine machine(
      spec,
      PluginSurroundings{dispatcher, maker, pauses, parts.types, parts.sources,
                         parts.clock,
                         [](Severity, absl::string_view, absl::string_view) {},
                         [](absl::string_view, const DesiredState&) {
                           return absl::OkStatus();
                         },
                         [](absl::string_view) {}},
      [](uint64_t) {});
  machine.Begin({});
  std::atomic<bool> stop{false};
  std::thread feed([&] {
    MessageWriter writer(parts.pool);
    const std::string payload(600, 'x');
    for (uint64_t seq = 1; !stop;) {
      writer.Begin(Receipt());
      for (int i = 0; i < 64; ++i) {
        const MessageWriter::Room room = writer.Reserve(payload, 0, 0);
        room.message->view.type_id = kTypeUpdate;
        room.message->view.source_id = source;
        room.message->view.seq = seq++;
        writer.Commit(0, 0);
      }
      dispatcher.Dispatch(writer.Finish());
    }
  });
  for (int i = 0; i < kReloads; ++i) {
    PluginOperation reload;
    reload.kind = PluginOperation::Kind::kReload;
    reload.name = "plugins/pauses";
    if (const auto done = machine.Do(reload); !done.ok()) {
      std::fprintf(stderr, "%s\n", done.status().ToString().c_str());
    }
    while (pauses.ns().size() < static_cast<size_t>(i) + 1) {
      std::this_thread::yield();
    }
  }
  stop = true;
  feed.join();
  machine.End();
  std::vector<int64_t> ns = pauses.ns();
  std::sort(ns.begin(), ns.end());
  const auto ms = [&](size_t percent) {
    return static_cast<double>(ns[(ns.size() - 1) * percent / 100]) * 1e-6;
  };
  std::printf(
      "upgrade/%s: item=pause n=%zu p50_ms=%.3f p90_ms=%.3f "
      "p99_ms=%.3f max_ms=%.3f\n",
      name, ns.size(), ms(50), ms(90), ms(99), ms(100));
}

}  // namespace
}  // namespace weir

int main() {
  weir::Measure("in_process", /*in_child=*/false);
  weir::Measure("child", /*in_child=*/true);
}
