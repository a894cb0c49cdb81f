#ifndef WEIR_HOST_PLUGIN_MODULE_INSTANCE_MAKER_H_
#define WEIR_HOST_PLUGIN_MODULE_INSTANCE_MAKER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "host/plugin/instance_maker.h"
#include "host/plugin/module_store.h"
#include "host/plugin/plugin_host_services.h"
#include "host/plugin/plugin_slot.h"
#include "host/plugin/shared_object.h"

namespace weir {

// Makes instances of shared objects, in this process. Thread-safe.
class ModuleInstanceMaker final : public InstanceMaker {
 public:
  // `run_dir` is a directory of the host's own: that of a ModuleStore. If it
  // cannot be written, every Make says so.
  explicit ModuleInstanceMaker(const std::string& run_dir);

  absl::StatusOr<MadeInstance> Make(
      const PluginSlotSpec& spec, uint64_t generation, absl::string_view sha256,
      std::shared_ptr<PluginHostServices> services) override;

 private:
  absl::StatusOr<std::shared_ptr<const SharedObject>> OpenCode(
      const PluginSlotSpec& spec, uint64_t generation,
      const std::vector<std::string>& allowed_sha256);

  const absl::StatusOr<std::unique_ptr<ModuleStore>> store_;
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_MODULE_INSTANCE_MAKER_H_
