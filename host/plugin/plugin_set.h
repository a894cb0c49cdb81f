#ifndef WEIR_HOST_PLUGIN_PLUGIN_SET_H_
#define WEIR_HOST_PLUGIN_PLUGIN_SET_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "host/control/plugin_control.h"
#include "host/control/plugin_operation.h"
#include "host/control/plugin_stats.h"
#include "host/control/plugin_status.h"
#include "host/plugin/desired_state.h"
#include "host/plugin/plugin_life.h"
#include "host/plugin/plugin_machine.h"
#include "host/plugin/plugin_slot.h"
#include "host/sync/mutex.h"

namespace weir {

// All plugin slots of the host. What one plugin does wrong stays in its slot:
// each has a thread of its own that loads it, watches over it and ends it.
//
// Thread-safe. List, Stats, Do and total_dropped never wait for a plugin.
class PluginSet final : public PluginControl {
 public:
  explicit PluginSet(PluginSurroundings surroundings);

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

  // Looks for plugins that hang or died. The host calls it every 250 ms or so.
  void Tick() ABSL_LOCKS_EXCLUDED(mu_);

  // Lets every plugin finish what is queued, up to its drain timeout, and ends
  // it. Slots stay, as STOPPED, with their books. Safe to call twice.
  void UnloadAll() ABSL_LOCKS_EXCLUDED(mu_);

  void Do(PluginOperation operation, Reply reply) override
      ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<PluginStatus> List() const override ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<PluginStats> Stats() const override ABSL_LOCKS_EXCLUDED(mu_);
  uint64_t total_dropped() const override {
    return surroundings_.registry.total_dropped();
  }

 private:
  std::vector<std::shared_ptr<PluginLife>> lives() const
      ABSL_LOCKS_EXCLUDED(mu_);

  const PluginSurroundings surroundings_;
  mutable Mutex mu_;
  std::map<std::string, std::shared_ptr<PluginLife>> lives_
      ABSL_GUARDED_BY(mu_);  // By id.
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_PLUGIN_SET_H_
