// How long is a plugin's work interrupted, with messages waiting all the time:
//  * by a reload that hands its state over, from the last message of the old
//    instance to the first of the new one; in a child, and in this process
//  * by the death of its child, from the SIGKILL to the first message of the
//    next one
#include <dlfcn.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
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

constexpr size_t kReloads = 100;
constexpr int kCrashes = 50;
constexpr char kModule[] = "benchmarks/pauses.so";
constexpr char kRunner[] = "runner/weir-plugin-runner";

// Keeps the times that the plugin tells. Thread-safe.
class Told final : public EventSink {
 public:
  absl::Status Publish(Event event) override ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    ns_[event.type].push_back(std::atoll(event.json.c_str()));
    changed_.NotifyAll();
    return absl::OkStatus();
  }
  // Waits until it told `count` of `type`, and returns them.
  std::vector<int64_t> Await(const std::string& type, size_t count)
      ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    while (ns_[type].size() < count) changed_.Wait(&mu_);
    return ns_[type];
  }

 private:
  Mutex mu_;
  CondVar changed_;
  std::map<std::string, std::vector<int64_t>> ns_ ABSL_GUARDED_BY(mu_);
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
      auto child = std::make_shared<ChildHandler>(
          ChildHandlerOptions{
              .runner = kRunner, .module = kModule, .name = "pauses"},
          *parts_.supervisor, parts_.arena.get(), std::move(services),
          parts_.types, parts_.sources);
      made.pid = [child] { return child->pid(); };
      made.handler = std::move(child);
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

// A plugin in its slot, and messages for it without end.
class Bench {
 public:
  Bench(Parts& parts, bool in_child)
      : parts_(parts),
        dispatcher_(parts.types, parts.sources, parts.pool, parts.clock),
        maker_(parts, in_child),
        machine_(Spec(),
                 PluginSurroundings{
                     dispatcher_, maker_, told, parts.types, parts.sources,
                     parts.clock,
                     [](Severity, absl::string_view, absl::string_view) {},
                     [](absl::string_view, const DesiredState&) {
                       return absl::OkStatus();
                     },
                     [](absl::string_view) {}},
                 [this](uint64_t generation) {
                   MutexLock lock(&mu_);
                   gone_ = generation;
                   changed_.NotifyAll();
                 }) {
    machine_.Begin({});
    feed_ = std::thread([this] { Feed(); });
  }

  ~Bench() {
    stop_ = true;
    feed_.join();
    machine_.End();
  }

  // Starts the plugin again when its instance is gone.
  void AwaitDeath() ABSL_LOCKS_EXCLUDED(mu_) {
    uint64_t generation = 0;
    {
      MutexLock lock(&mu_);
      while (gone_ == 0) changed_.Wait(&mu_);
      generation = gone_;
    }
    machine_.InstanceGone(generation);
  }

  PluginMachine& machine() { return machine_; }

  Told told;

 private:
  static PluginSlotSpec Spec() {
    PluginSlotSpec spec;
    spec.id = "pauses";
    spec.options.policy = QueuePolicy::kBlock;
    return spec;
  }

  void Feed() {
    const uint16_t source = parts_.sources.Intern("bench");
    MessageWriter writer(parts_.pool);
    const std::string payload(600, 'x');
    for (uint64_t seq = 1; !stop_;) {
      writer.Begin(Receipt());
      for (int i = 0; i < 64; ++i) {
        const MessageWriter::Room room = writer.Reserve(payload, 0, 0);
        room.message->view.type_id = kTypeUpdate;
        room.message->view.source_id = source;
        room.message->view.seq = seq++;
        writer.Commit(0, 0);
      }
      dispatcher_.Dispatch(writer.Finish());
    }
  }

  Parts& parts_;
  Dispatcher dispatcher_;
  Maker maker_;
  Mutex mu_;
  CondVar changed_;
  uint64_t gone_ ABSL_GUARDED_BY(mu_) = 0;
  PluginMachine machine_;
  std::atomic<bool> stop_{false};
  std::thread feed_;
};

void Print(const char* name, std::vector<int64_t> ns) {
  std::sort(ns.begin(), ns.end());
  const auto ms = [&](size_t percent) {
    return static_cast<double>(ns[(ns.size() - 1) * percent / 100]) * 1e-6;
  };
  std::printf(
      "%s: item=pause n=%zu p50_ms=%.3f p90_ms=%.3f "
      "p99_ms=%.3f max_ms=%.3f\n",
      name, ns.size(), ms(50), ms(90), ms(99), ms(100));
}

void MeasureReloads(const char* name, bool in_child) {
  Parts parts;
  InternWellKnownTypes(parts.types);
  Bench bench(parts, in_child);
  std::vector<int64_t> ns;
  for (size_t i = 1; i <= kReloads; ++i) {
    PluginOperation reload;
    reload.kind = PluginOperation::Kind::kReload;
    reload.name = "plugins/pauses";
    if (const auto done = bench.machine().Do(reload); !done.ok()) {
      std::fprintf(stderr, "%s\n", done.status().ToString().c_str());
    }
    ns = bench.told.Await("pause", i);
  }
  Print(name, std::move(ns));
}

// Each is the first death of its slot: the next ones wait on purpose.
void MeasureCrashes() {
  Parts parts;
  InternWellKnownTypes(parts.types);
  std::vector<int64_t> ns;
  for (int i = 0; i < kCrashes; ++i) {
    Bench bench(parts, /*in_child=*/true);
    bench.told.Await("first", 1);
    const int32_t pid = bench.machine().status().pid;
    const int64_t killed_ns = parts.clock.MonotonicNs();
    if (pid <= 0 || kill(pid, SIGKILL) != 0) {
      std::fprintf(stderr, "crash: there is no child %d\n", pid);
      return;
    }
    bench.AwaitDeath();
    ns.push_back(bench.told.Await("first", 2)[1] - killed_ns);
  }
  Print("crash/child", std::move(ns));
}

}  // namespace
}  // namespace weir

int main() {
  weir::MeasureReloads("upgrade/in_process", /*in_child=*/false);
  weir::MeasureReloads("upgrade/child", /*in_child=*/true);
  weir::MeasureCrashes();
}
