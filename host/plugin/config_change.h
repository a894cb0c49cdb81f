#ifndef WEIR_HOST_PLUGIN_CONFIG_CHANGE_H_
#define WEIR_HOST_PLUGIN_CONFIG_CHANGE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "host/plugin/config_schema.h"

namespace weir {

// Returns the configuration `before` with the members `keys` of `change`: one
// that `change` has not is not in it afterwards. Both are JSON objects.
std::string ReplaceConfigKeys(absl::string_view before,
                              absl::string_view change,
                              const std::vector<std::string>& keys);

// Returns the PLUGIN_CONFIG_INVALID that tells all `faults` of the
// configuration of `plugin`, "plugins/counts", as field violations
// ("config/peers/3/asn") too. There is one at least.
absl::Status ConfigInvalid(absl::StatusCode code, absl::string_view plugin,
                           const std::vector<ConfigFault>& faults);

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_CONFIG_CHANGE_H_
