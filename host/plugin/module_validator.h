#ifndef WEIR_HOST_PLUGIN_MODULE_VALIDATOR_H_
#define WEIR_HOST_PLUGIN_MODULE_VALIDATOR_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/control/plugin_checks.h"

namespace weir {

// Has the program `runner` check the stored module at `path`, all that
// runner/check/check_main.h has but for the file itself, which the host knows
// better, and for what takes time to measure. `name` is what the findings call
// it. Whatever the module does, it does in processes that are gone when this
// returns. Blocks for some seconds; for 5 s more for each check that hangs.
//
// Returns the findings, without those that were passed over; Cancelled once
// `stop_fd` is readable; DeadlineExceeded at `deadline`; and Unavailable if the
// runner cannot be started or ends without having said all.
absl::StatusOr<std::vector<PluginCheckReport::Finding>> ValidateModule(
    const std::string& runner, const std::string& path, absl::string_view name,
    absl::string_view config_json, absl::Time deadline, int stop_fd);

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_MODULE_VALIDATOR_H_
