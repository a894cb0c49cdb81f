#ifndef WEIR_TESTS_SUPPORT_REAL_PLUGINS_H_
#define WEIR_TESTS_SUPPORT_REAL_PLUGINS_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "host/control/plugin_operation.h"
#include "host/control/plugin_stats.h"
#include "host/control/plugin_status.h"
#include "host/dispatch/dispatcher.h"
#include "host/pipeline/books.h"
#include "host/pipeline/message_writer.h"
#include "host/pipeline/name_table.h"
#include "host/pipeline/receipt.h"
#include "host/pipeline/shared_arena.h"
#include "host/pipeline/slab_pool.h"
#include "host/plugin/child_supervisor.h"
#include "host/plugin/desired_state.h"
#include "host/plugin/key_value_store.h"
#include "host/plugin/module_instance_maker.h"
#include "host/plugin/module_store.h"
#include "host/plugin/plugin_set.h"
#include "host/plugin/plugin_slot.h"
#include "host/sync/system_clock.h"
#include "tests/support/child_plugin.h"
#include "tests/support/plugin_dir.h"

namespace weir {

// Plugins as a host runs them, without its sources and its API: real slots,
// queues and workers, the store, and children. Messages are of the type UPDATE
// and numbered from 1 on. Not thread-safe, but for set().
class RealPlugins {
 public:
  // What a test waits for comes within this time on any machine, or never.
  static constexpr absl::Duration kPatience = absl::Seconds(60);

  RealPlugins() {
    InternWellKnownTypes(types_);
    source_ = sources_.Intern("test");
    set_ = std::make_unique<PluginSet>(
        PluginSurroundings{
            .registry = dispatcher_,
            .maker = maker_,
            .sink = heard_,
            .types = types_,
            .sources = sources_,
            .clock = clock_,
            .write_log =
                [this](Severity, absl::string_view area,
                       absl::string_view text) {
                  heard_.TakeLine(absl::StrCat(area, ": ", text));
                },
            .keep = [](absl::string_view,
                       const DesiredState&) { return absl::OkStatus(); },
            .forget = [](absl::string_view) {},
            .key_values = &key_values_},
        [this](const std::string& id,
               const std::string&) -> absl::StatusOr<PluginSlotSpec> {
          const auto found = specs_.find(id);
          if (found == specs_.end()) return absl::NotFoundError(id);
          return found->second;
        });
  }

  // A slot of the fixture `name`, as the folder would make it.
  static PluginSlotSpec Fixture(absl::string_view name,
                                PluginStatus::Isolation isolation) {
    return Slot(name, FixturePath(name), isolation);
  }
  static PluginSlotSpec Slot(absl::string_view name, const std::string& path,
                             PluginStatus::Isolation isolation) {
    std::string id(name);
    std::replace(id.begin(), id.end(), '_', '-');
    PluginSlotSpec spec = {
        .id = id,
        .module = absl::StrCat(name, ".so"),
        // Bazel puts a link there, and one out of a folder is refused.
        .path = std::filesystem::weakly_canonical(path),
        .status = absl::OkStatus()};
    spec.options.isolation = isolation;
    spec.options.policy = QueuePolicy::kBlock;
    return spec;
  }

  // Returns when each is loaded or is known not to be.
  void Load(const std::vector<PluginSlotSpec>& specs) {
    for (const PluginSlotSpec& spec : specs) specs_[spec.id] = spec;
    set_->Load(specs, {});
  }

  // What a slot is loaded from the next time.
  PluginSlotSpec& spec(const std::string& id) { return specs_.at(id); }

  // Offers `n` messages to all slots, as one batch.
  void Send(size_t n) {
    writer_.Begin(Receipt());
    for (size_t i = 0; i < n; ++i) {
      const MessageWriter::Room room = writer_.Reserve("{\"a\": 1}", 1, 8);
      room.message->view.type_id = kTypeUpdate;
      room.message->view.source_id = source_;
      room.message->view.seq = ++seq_;
      writer_.Commit(0, 0);
    }
    dispatcher_.Dispatch(writer_.Finish());
  }
  uint64_t sent() const { return seq_; }

  // Looks after the plugins, as a host does all the time, until `done` says so.
  // Returns false if it never does.
  bool Await(const std::function<bool()>& done) {
    const absl::Time end = absl::Now() + kPatience;
    while (!done()) {
      if (absl::Now() > end) return false;
      set_->Tick();
      absl::SleepFor(absl::Milliseconds(2));
    }
    return true;
  }

  // Returns the code of its outcome.
  absl::StatusCode Do(PluginOperation operation) {
    std::atomic<int> code{-1};
    set_->Do(std::move(operation), [&](const auto& outcome) {
      code = static_cast<int>(outcome.status().code());
    });
    Await([&] { return code.load() >= 0; });
    return static_cast<absl::StatusCode>(code.load());
  }

  PluginStatus Status(absl::string_view id) const {
    for (PluginStatus& status : set_->List()) {
      if (status.name == absl::StrCat("plugins/", id)) return status;
    }
    return {};
  }
  PluginStats Stats(absl::string_view id) const {
    for (PluginStats& stats : set_->Stats()) {
      if (stats.name == absl::StrCat("plugins/", id)) return stats;
    }
    return {};
  }

  PluginSet& set() { return *set_; }
  HeardFromPlugin& heard() { return heard_; }
  const PluginDir& dir() const { return dir_; }

 private:
  const PluginDir dir_;
  const SystemClock clock_;
  NameTable types_, sources_;
  uint16_t source_ = 0;
  uint64_t seq_ = 0;
  HeardFromPlugin heard_;
  KeyValueStore key_values_{{.path = dir_.state() + "/kv.db"}};
  const std::unique_ptr<SharedArena> arena_ =
      SharedArena::Create(size_t{4} << 20).value();
  SlabPool pool_{arena_.get()};
  MessageWriter writer_{pool_};
  const std::unique_ptr<ModuleStore> store_ = *ModuleStore::Open(dir_.state());
  const std::unique_ptr<ChildSupervisor> supervisor_ =
      *ChildSupervisor::Start();
  Dispatcher dispatcher_{types_, sources_, pool_, clock_};
  ModuleInstanceMaker maker_{{.store = *store_,
                              .supervisor = *supervisor_,
                              .arena = arena_.get(),
                              .types = types_,
                              .sources = sources_,
                              .clock = clock_,
                              .runner = kRunner,
                              .owners = PluginDir::Owners(),
                              .state_dir = dir_.state()}};
  std::map<std::string, PluginSlotSpec> specs_;
  std::unique_ptr<PluginSet> set_;
};

// Returns what does not balance, or nothing.
inline std::string Imbalance(const Books& books) {
  const uint64_t offered = books.not_wanted + books.enqueued +
                           books.dropped_policy + books.dropped_full +
                           books.dropped_not_running +
                           books.dropped_quarantined;
  const uint64_t enqueued = books.processed_ok + books.processed_error +
                            books.lost_in_crash + books.discarded_on_unload +
                            books.queued + books.in_flight;
  if (books.offered == offered && books.enqueued == enqueued) return "";
  return absl::StrCat("offered ", books.offered, ", accounted for ", offered,
                      "; enqueued ", books.enqueued, ", accounted for ",
                      enqueued);
}

}  // namespace weir

#endif  // WEIR_TESTS_SUPPORT_REAL_PLUGINS_H_
