#ifndef WEIR_HOST_PLUGIN_MODULE_INSTANCE_MAKER_H_
#define WEIR_HOST_PLUGIN_MODULE_INSTANCE_MAKER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "host/plugin/instance_maker.h"
#include "host/plugin/plugin_host_services.h"
#include "host/plugin/plugin_slot.h"

namespace weir {

// Makes instances of shared objects, in this process. Thread-safe.
class ModuleInstanceMaker final : public InstanceMaker {
 public:
  // `run_dir` is a directory of the host's own, where private copies of the
  // files lie while they are loaded.
  explicit ModuleInstanceMaker(std::string run_dir);

  absl::StatusOr<MadeInstance> Make(
      const PluginSlotSpec& spec, uint64_t generation, absl::string_view sha256,
      std::shared_ptr<PluginHostServices> services) override;

 private:
  const std::string run_dir_;
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_MODULE_INSTANCE_MAKER_H_
