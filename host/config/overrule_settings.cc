#include "host/config/overrule_settings.h"

#include "host/config/fault_list.h"
#include "host/config/field_rules.h"
#include "host/config/host_config_check.h"
#include "host/config/line_map.h"
#include "host/config/not_served_yet.h"
#include "host/config/plugin_settings.h"

namespace weir {

PluginConfigResult OverruleSettings(const v1::PluginConfig& files,
                                    const v1::PluginSettings& set,
                                    const v1::HostConfig& host) {
  const LineMap no_lines;
  FaultList faults(no_lines);
  CheckNotServedYet(set, "settings", &faults);
  faults.NextCheck();
  CheckFieldRules(set, "settings", &faults);
  v1::PluginConfig over;
  *over.mutable_settings() = set;
  PluginConfigResult result;
  result.config =
      MergePluginConfig(files.id(), over, files, v1::PluginSettings());
  CheckPluginInHost(result.config, host, "", &faults);
  result.errors = faults.Take();
  return result;
}

}  // namespace weir
