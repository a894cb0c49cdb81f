#ifndef WEIR_HOST_PLUGIN_PLUGIN_LIFE_H_
#define WEIR_HOST_PLUGIN_PLUGIN_LIFE_H_

#include <deque>
#include <functional>
#include <optional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "host/control/plugin_control.h"
#include "host/control/plugin_operation.h"
#include "host/control/plugin_stats.h"
#include "host/control/plugin_status.h"
#include "host/plugin/desired_state.h"
#include "host/plugin/folder_plan.h"
#include "host/plugin/plugin_machine.h"
#include "host/plugin/plugin_slot.h"
#include "host/sync/mutex.h"

namespace weir {

// One plugin's slot and the thread that leads it through its states: whatever
// takes time there, a create, a drain, a child that does not end, holds up
// nobody but this plugin. What it is told comes one after the other.
//
// Thread-safe, but for Begin, which is called once.
class PluginLife {
 public:
  // `spec` and `surroundings` as of PluginMachine.
  PluginLife(PluginSlotSpec spec, const PluginSurroundings& surroundings);
  ~PluginLife();  // Stops.

  PluginLife(const PluginLife&) = delete;
  PluginLife& operator=(const PluginLife&) = delete;

  // Begins to load it; `begun` is called when that has come to an end.
  void Begin(DesiredState desired, std::function<void()> begun);

  // See PluginMachine::Do. After Stop it replies SERVER_DRAINING.
  void Do(PluginOperation operation, std::optional<PluginSlotSpec> fresh,
          PluginControl::Reply reply) ABSL_LOCKS_EXCLUDED(mu_);

  // See PluginMachine::Follow; `done` is called afterwards, from its thread.
  void Follow(FolderAction action, PluginSlotSpec spec,
              std::function<void()> done) ABSL_LOCKS_EXCLUDED(mu_);

  // Looks after it; see PluginMachine::Watch. Does not wait.
  void Tick() ABSL_LOCKS_EXCLUDED(mu_);

  // Begins to end it, as PluginMachine::End(`drain`), after what it was told
  // before; the destructor, or Join, waits for that. The first call counts.
  void Stop(absl::Duration drain = absl::InfiniteDuration())
      ABSL_LOCKS_EXCLUDED(mu_);
  // Returns false if it has not ended after `limit`; call it again then.
  bool Join(absl::Duration limit = absl::InfiniteDuration())
      ABSL_LOCKS_EXCLUDED(mu_);

  PluginStatus status() const { return machine_.status(); }
  PluginStats stats() const { return machine_.stats(); }

 private:
  using Job = std::function<void()>;

  // Returns false once it has been stopped.
  bool Post(Job job) ABSL_LOCKS_EXCLUDED(mu_);
  void Run() ABSL_LOCKS_EXCLUDED(mu_);

  const Clock& clock_;
  Mutex mu_;
  CondVar changed_;  // For its thread.
  CondVar over_;     // For Join.
  std::deque<Job> jobs_ ABSL_GUARDED_BY(mu_);
  bool watch_ ABSL_GUARDED_BY(mu_) = false;
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  absl::Duration drain_ ABSL_GUARDED_BY(mu_);  // Of stop_.
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  PluginMachine machine_;  // Its thread's, but for status and stats.
  std::thread thread_;
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_PLUGIN_LIFE_H_
