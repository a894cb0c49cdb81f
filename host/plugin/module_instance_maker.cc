#include "host/plugin/module_instance_maker.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "host/plugin/in_process_handler.h"
#include "host/plugin/shared_object.h"

namespace weir {

ModuleInstanceMaker::ModuleInstanceMaker(std::string run_dir)
    : run_dir_(std::move(run_dir)) {}

absl::StatusOr<MadeInstance> ModuleInstanceMaker::Make(
    const PluginSlotSpec& spec, uint64_t generation, absl::string_view sha256,
    std::shared_ptr<PluginHostServices> services) {
  std::vector<std::string> allowed = spec.allowed_sha256;
  if (!sha256.empty()) allowed = {std::string(sha256)};
  absl::StatusOr<std::shared_ptr<const SharedObject>> code = SharedObject::Open(
      spec.path, absl::StrCat(run_dir_, "/", spec.id, ".", generation, ".so"),
      allowed);
  if (!code.ok()) return code.status();
  MadeInstance made;
  made.sha256 = (*code)->sha256();
  made.version = std::string((*code)->version());
  made.abi_version = (*code)->table().abi_major;
  made.why_pinned = (*code)->WhyPinned();
  const weir_plugin table = (*code)->table();
  made.handler = std::make_shared<InProcessHandler>(
      table, *std::move(code), std::move(services), spec.config_json);
  return made;
}

}  // namespace weir
