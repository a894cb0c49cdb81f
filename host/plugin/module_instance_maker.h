#ifndef WEIR_HOST_PLUGIN_MODULE_INSTANCE_MAKER_H_
#define WEIR_HOST_PLUGIN_MODULE_INSTANCE_MAKER_H_

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "host/pipeline/name_table.h"
#include "host/pipeline/shared_arena.h"
#include "host/plugin/child_handler.h"
#include "host/plugin/child_supervisor.h"
#include "host/plugin/elf_check.h"
#include "host/plugin/instance_maker.h"
#include "host/plugin/module_store.h"
#include "host/plugin/plugin_host_services.h"
#include "host/plugin/plugin_slot.h"
#include "host/plugin/probe_module.h"
#include "host/plugin/trial.h"
#include "host/sync/clock.h"
#include "host/sync/mutex.h"

namespace weir {

// Makes instances of shared objects: each file goes into the store first, is
// checked there, and runs from a copy of its own, in a child or in this process
// as its settings say. Before that a child loads it, which may die of it: what
// is to run in this process must not, and every module is asked there for the
// schema of its configuration. Thread-safe.
class ModuleInstanceMaker final : public InstanceMaker {
 public:
  // All that is referred to must outlive the maker and what it made.
  struct Parts {
    ModuleStore& store;
    ChildSupervisor& supervisor;
    const SharedArena* arena;  // Null: messages are copied to children.
    const NameTable& types;
    const NameTable& sources;
    const Clock& clock;
    std::string runner;         // The path of weir-plugin-runner.
    std::vector<uid_t> owners;  // Whose files are taken.
    std::string state_dir;      // Where data directories are; empty: nowhere.
  };

  explicit ModuleInstanceMaker(Parts parts);

  absl::StatusOr<MadeInstance> Make(
      const PluginSlotSpec& spec, uint64_t generation, absl::string_view sha256,
      std::shared_ptr<PluginHostServices> services) override;
  absl::StatusOr<std::shared_ptr<Trial>> MakeTrial(
      const PluginSlotSpec& spec, absl::string_view sha256) override;

  absl::StatusOr<ModuleFacts> Look(const PluginSlotSpec& spec,
                                   absl::string_view sha256) override;

 private:
  // A module that passed the checks of its file, and a copy to run.
  struct Taken {
    StoredModule module;
    ElfReport report;
    std::string run_copy;
  };
  absl::StatusOr<Taken> TakeAndCheck(const PluginSlotSpec& spec,
                                     uint64_t generation,
                                     absl::string_view sha256) const;
  absl::StatusOr<ModuleFacts> Ask(const PluginSlotSpec& spec,
                                  const Taken& taken) ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<StoredModule> Take(const PluginSlotSpec& spec,
                                    absl::string_view sha256) const;
  absl::StatusOr<std::string> DataDirOf(const PluginSlotSpec& spec) const;
  ChildHandlerOptions ChildOptions(const PluginSlotSpec& spec,
                                   std::string run_copy,
                                   std::string data_dir) const;
  MadeInstance InChild(const PluginSlotSpec& spec, std::string run_copy,
                       std::string data_dir,
                       std::shared_ptr<PluginHostServices> services) const;

  const Parts parts_;
  std::atomic<uint64_t> last_trial_{0};
  Mutex mu_;
  // What was told by a probe, by digest: the same code has the same answer.
  std::map<std::string, ModuleProbe> probed_ ABSL_GUARDED_BY(mu_);
  // Those that died of the question, or never came back: not asked again, so
  // that a restart takes no longer for it.
  std::set<std::string> unanswering_ ABSL_GUARDED_BY(mu_);
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_MODULE_INSTANCE_MAKER_H_
