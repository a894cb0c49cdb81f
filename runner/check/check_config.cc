#include "runner/check/check_config.h"

#include <unistd.h>

#include <fstream>
#include <iterator>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "host/plugin/config_schema.h"
#include "host/plugin/event_check.h"
#include "host/plugin/probe_module.h"

namespace weir {
namespace {

// As the host gives it to a child at most.
constexpr size_t kMaxConfigBytes = 1 << 20;

}  // namespace

absl::StatusOr<std::string> ReadCheckConfig(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file) {
    return absl::NotFoundError(absl::StrCat(path, ": cannot be read"));
  }
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (text.size() > kMaxConfigBytes || begin == std::string::npos ||
      text[begin] != '{' || !IsJson(text)) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": a configuration is one JSON object of at most ",
        kMaxConfigBytes, " bytes; give what is under `config` in NAME.yaml"));
  }
  return text;
}

std::string WithDefaults(const ModuleCopy& module, const ChildOfRunner& child,
                         const std::string& config) {
  if (!module.file.ok()) return config;
  const absl::StatusOr<ModuleProbe> probe = ProbeModule(
      child.runner, absl::StrCat("/proc/", getpid(), "/fd/", module.file.get()),
      child.timeout);
  if (!probe.ok()) return config;
  const absl::StatusOr<ConfigSchema> schema =
      ConfigSchema::Parse(probe->config_schema);
  if (!schema.ok()) return config;
  ConfigSchema::Checked checked = schema->Check(config);
  if (!checked.faults.empty()) return config;
  return std::move(checked.json);
}

}  // namespace weir
