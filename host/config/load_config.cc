#include "host/config/load_config.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "host/config/effective_config.h"
#include "host/config/fault_list.h"
#include "host/config/field_rules.h"
#include "host/config/host_config_check.h"
#include "host/config/line_map.h"
#include "host/config/not_served_yet.h"
#include "host/config/plugin_settings.h"
#include "host/config/read_config_file.h"
#include "host/config/yaml_to_proto.h"

namespace weir {
namespace {

// A fault of the whole file leaves nothing that could be checked.
bool IsUnreadable(const std::vector<ConfigError>& faults) {
  return !faults.empty() && faults.front().path.empty();
}

PluginConfigResult LoadPluginText(absl::string_view text, const std::string& id,
                                  const v1::HostConfig& host,
                                  const Environment& environment) {
  LineMap lines;
  v1::PluginConfig written;
  FaultList faults(lines, YamlToProto(text, environment, &written, &lines));
  CheckNotServedYet(written, "", &faults);
  faults.NextCheck();
  if (!written.id().empty()) {
    faults.Add("id", "is given by the name of the file; remove it");
  }
  CheckFieldRules(written, "", &faults);
  PluginConfigResult result;
  result.config = MergePluginConfig(id, PluginEntry(host, id), written,
                                    host.plugins().defaults());
  CheckPluginInHost(result.config, host, "", &faults);
  result.errors = faults.Take();
  return result;
}

}  // namespace

ConfigResult LoadConfigText(absl::string_view text,
                            const Environment& environment) {
  LineMap lines;
  v1::HostConfig written;
  std::vector<ConfigError> unread =
      YamlToProto(text, environment, &written, &lines);
  if (IsUnreadable(unread)) return {{}, std::move(unread)};
  FaultList faults(lines, std::move(unread));
  CheckNotServedYet(written, "", &faults);
  faults.NextCheck();
  ConfigResult result;
  result.config = EffectiveConfig(written, environment);
  CheckHostConfig(result.config, &faults);
  result.errors = faults.Take();
  return result;
}

ConfigResult LoadConfigFile(const std::string& path,
                            const Environment& environment) {
  const absl::StatusOr<std::string> text = ReadConfigFile(path);
  if (text.ok()) return LoadConfigText(*text, environment);
  return {{}, {{"", 0, std::string(text.status().message())}}};
}

PluginConfigResult LoadPluginConfig(const std::string& path,
                                    const std::string& id,
                                    const v1::HostConfig& host,
                                    const Environment& environment) {
  const absl::StatusOr<std::string> text = ReadConfigFile(path);
  if (text.ok()) return LoadPluginText(*text, id, host, environment);
  if (absl::IsNotFound(text.status())) {
    return LoadPluginText("", id, host, environment);
  }
  return {{}, {{"", 0, std::string(text.status().message())}}};
}

}  // namespace weir
