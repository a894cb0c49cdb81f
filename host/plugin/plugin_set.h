#ifndef WEIR_HOST_PLUGIN_PLUGIN_SET_H_
#define WEIR_HOST_PLUGIN_PLUGIN_SET_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "host/control/plugin_control.h"
#include "host/control/plugin_operation.h"
#include "host/control/plugin_stats.h"
#include "host/control/plugin_status.h"
#include "host/control/poison_message.h"
#include "host/plugin/desired_state.h"
#include "host/plugin/folder_plan.h"
#include "host/plugin/plugin_life.h"
#include "host/plugin/plugin_machine.h"
#include "host/plugin/plugin_slot.h"
#include "host/plugin/poison_replayer.h"
#include "host/sync/mutex.h"

namespace weir {

// All plugin slots of the host. What one plugin does wrong stays in its slot:
// each has a thread of its own that loads it, watches over it and ends it.
//
// Thread-safe. List, Stats, Do and total_dropped never wait for a plugin.
class PluginSet final : public PluginControl {
 public:
  // The slot `id` by what the configuration and the folders say now; `module`
  // may be empty. NotFound if there is no such file.
  using FindSpec = std::function<absl::StatusOr<PluginSlotSpec>(
      const std::string& id, const std::string& module)>;

  PluginSet(PluginSurroundings surroundings, FindSpec find_spec);

  // Calls UnloadAll.
  ~PluginSet() override;

  PluginSet(const PluginSet&) = delete;
  PluginSet& operator=(const PluginSet&) = delete;

  // Gives each of `specs` a slot, whatever becomes of it, and loads them all at
  // once. Returns when each is loaded or is known not to be; its status says
  // what it came to, with the cure. `desired` is by id, as it was kept.
  void Load(std::vector<PluginSlotSpec> specs,
            const std::map<std::string, DesiredState>& desired)
      ABSL_LOCKS_EXCLUDED(mu_);

  // The slots, as far as the folder concerns them; without their files.
  std::vector<FolderSlot> FolderSlots() const ABSL_LOCKS_EXCLUDED(mu_);

  // Has `action` done, by the slot's own thread; see PluginMachine::Follow.
  // Makes the slot for a kLoad or a kRefuse, if there is none.
  void Follow(const FolderAction& action, PluginSlotSpec spec)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Looks for plugins that hang or died. The host calls it every 250 ms or so.
  void Tick() ABSL_LOCKS_EXCLUDED(mu_);

  // Lets every plugin finish what is queued, up to its drain timeout and to
  // `drain`, and ends it. Slots stay, as STOPPED, with their books. Safe to
  // call twice.
  //
  // Returns false if one has not ended after `limit`: it waits for its plugin
  // or for the disk, and goes on. Then call it again, or end the process
  // without destroying this set and what it refers to.
  bool UnloadAll(absl::Duration drain = absl::InfiniteDuration(),
                 absl::Duration limit = absl::InfiniteDuration())
      ABSL_LOCKS_EXCLUDED(mu_);

  void Do(PluginOperation operation, Reply reply) override
      ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<PluginStatus> List() const override ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<PluginStats> Stats() const override ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<std::vector<PoisonMessage>> ListPoison(
      absl::string_view parent) const override ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<PoisonMessage> GetPoison(absl::string_view plugin,
                                          uint64_t number) const override;
  void ReplayPoison(PoisonReplay replay, ReplayReply reply) override
      ABSL_LOCKS_EXCLUDED(mu_);
  uint64_t total_dropped() const override {
    return surroundings_.registry.total_dropped();
  }

 private:
  std::vector<std::shared_ptr<PluginLife>> lives() const
      ABSL_LOCKS_EXCLUDED(mu_);

  std::shared_ptr<PluginLife> Find(const std::string& id) const
      ABSL_LOCKS_EXCLUDED(mu_);
  // Returns the slot that there is, if there is one.
  std::shared_ptr<PluginLife> Make(PluginSlotSpec spec, DesiredState desired,
                                   std::function<void()> begun)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Takes a slot out; what is left of it goes with Reap, from another thread.
  void Remove(const std::string& id) ABSL_LOCKS_EXCLUDED(mu_);
  // Returns false if one was still there at `end`.
  bool Reap(absl::Time end = absl::InfiniteFuture()) ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<PluginSlotSpec> Fresh(const std::string& id,
                                       const std::string& module) const;

  const PluginSurroundings surroundings_;
  const FindSpec find_spec_;
  PoisonReplayer replayer_;
  mutable Mutex mu_;
  std::vector<std::shared_ptr<PluginLife>> leaving_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, std::shared_ptr<PluginLife>> lives_
      ABSL_GUARDED_BY(mu_);  // By id.
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_PLUGIN_SET_H_
