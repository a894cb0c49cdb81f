#ifndef WEIR_HOST_PLUGIN_PLUGIN_SET_H_
#define WEIR_HOST_PLUGIN_PLUGIN_SET_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/control/plugin_control.h"
#include "host/control/plugin_stats.h"
#include "host/control/plugin_status.h"
#include "host/pipeline/event.h"
#include "host/pipeline/event_sink.h"
#include "host/pipeline/handler_registry.h"
#include "host/pipeline/handler_stats.h"
#include "host/pipeline/name_table.h"
#include "host/plugin/plugin_host_services.h"
#include "host/plugin/plugin_slot.h"
#include "host/plugin/shared_object.h"
#include "host/sync/clock.h"
#include "host/sync/mutex.h"

namespace weir {

// All plugin slots of the host: loads them at start, watches over them, and
// unloads them at the end. What one plugin does wrong stays in its slot:
//
//   DISCOVERED --> LOADING --> RUNNING --> DRAINING --> STOPPED
//       |             |
//       |             +--> FAILED   create, capacity, deadline
//       +--> INVALID, STOPPED       the file, its ABI; disabled
//
// Each transition is an event, weir.plugin.state, and a line in the log.
//
// List, Stats and total_dropped may be called from any thread at any time, and
// never wait for a plugin. Load and UnloadAll come from the host's own thread,
// Tick from one thread, which may be another.
class PluginSet final : public PluginControl {
 public:
  // A condition that tells of the last so many seconds holds that long.
  static constexpr absl::Duration kRecent = absl::Seconds(10);

  using WriteLine = std::function<void(Severity, absl::string_view area,
                                       absl::string_view text)>;

  // `run_dir` is a directory of the host's own, where private copies of the
  // files lie while they are loaded. `write_log` is WriteLog. All of the others
  // must outlive the set.
  PluginSet(std::string run_dir, HandlerRegistry& registry, EventSink& sink,
            const NameTable& types, const NameTable& sources,
            const Clock& clock, WriteLine write_log);

  // Calls UnloadAll.
  ~PluginSet() override;

  PluginSet(const PluginSet&) = delete;
  PluginSet& operator=(const PluginSet&) = delete;

  // Loads all of `specs`, one after the other, by id. Each gets a slot,
  // whatever becomes of it; its status says what did, with the cure. Called
  // once.
  void Load(std::vector<PluginSlotSpec> specs) ABSL_LOCKS_EXCLUDED(mu_);

  // Looks for plugins that hang, and says so once for each time. The host calls
  // it every 100 ms or so.
  void Tick() ABSL_LOCKS_EXCLUDED(mu_);

  // Lets every plugin finish what is queued, up to its drain timeout, and ends
  // it. Slots stay, as STOPPED, with the books as they were before. Safe to
  // call twice.
  void UnloadAll() ABSL_LOCKS_EXCLUDED(mu_);

  std::vector<PluginStatus> List() const override ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<PluginStats> Stats() const override ABSL_LOCKS_EXCLUDED(mu_);
  uint64_t total_dropped() const override { return registry_.total_dropped(); }

 private:
  struct Slot {
    PluginSlotSpec spec;
    PluginStatus status;
    std::shared_ptr<PluginHostServices> services;
    bool pinned = false;
    bool hung = false;        // And told. Only Tick's.
    HandlerStats last_stats;  // Of a slot that ran and runs no more.
  };

  void LoadSlot(Slot& slot) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status StartHandler(Slot& slot,
                            std::shared_ptr<const SharedObject> code)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Changes the state, and tells everybody.
  void MoveTo(Slot& slot, PluginStatus::State to, const std::string& reason,
              absl::string_view actor) ABSL_LOCKS_EXCLUDED(mu_);
  // A log that does not take it is no reason to stop.
  void Publish(Event event);
  // What the registry says of it now, or said last.
  HandlerStats StatsOf(const Slot& slot) const ABSL_LOCKS_EXCLUDED(mu_);
  void AddConditions(const Slot& slot, const HandlerStats& stats,
                     PluginStatus& status) const ABSL_LOCKS_EXCLUDED(mu_);

  const std::string run_dir_;
  HandlerRegistry& registry_;
  EventSink& sink_;
  const NameTable& types_;
  const NameTable& sources_;
  const Clock& clock_;
  const WriteLine write_log_;

  // Guards what the slots hold. Load and UnloadAll, which alone change it, may
  // read it without. Slots are added under it and never go.
  mutable Mutex mu_;
  std::vector<std::unique_ptr<Slot>> slots_;
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_PLUGIN_SET_H_
