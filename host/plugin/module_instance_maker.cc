#include "host/plugin/module_instance_maker.h"

#include <sys/stat.h>
#include <unistd.h>

#include <utility>
#include <vector>

#include "host/plugin/in_process_handler.h"
#include "host/plugin/module_check.h"
#include "host/plugin/shared_object.h"
#include "host/status/annotate.h"

namespace weir {

ModuleInstanceMaker::ModuleInstanceMaker(const std::string& run_dir)
    : store_(ModuleStore::Open(run_dir)) {}

absl::StatusOr<std::shared_ptr<const SharedObject>>
ModuleInstanceMaker::OpenCode(const PluginSlotSpec& spec, uint64_t generation,
                              const std::vector<std::string>& allowed_sha256) {
  if (!store_.ok()) return Annotate(store_.status(), spec.path);
  // Who may own it was decided when the folder was read.
  struct stat status = {};
  stat(spec.path.c_str(), &status);
  const absl::StatusOr<StoredModule> module =
      (*store_)->Add(spec.path, {0, geteuid(), status.st_uid});
  if (!module.ok()) return module.status();
  absl::StatusOr<ElfReport> report = CheckModule(*module, allowed_sha256);
  if (!report.ok()) return report.status();
  const absl::StatusOr<std::string> run_copy =
      (*store_)->MakeRunCopy(*module, spec.id, generation);
  if (!run_copy.ok()) return run_copy.status();
  return SharedObject::Open(*module, *std::move(report), *run_copy);
}

absl::StatusOr<MadeInstance> ModuleInstanceMaker::Make(
    const PluginSlotSpec& spec, uint64_t generation, absl::string_view sha256,
    std::shared_ptr<PluginHostServices> services) {
  std::vector<std::string> allowed = spec.allowed_sha256;
  if (!sha256.empty()) allowed = {std::string(sha256)};
  absl::StatusOr<std::shared_ptr<const SharedObject>> code =
      OpenCode(spec, generation, allowed);
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
