#ifndef WEIR_RUNNER_CHECK_CHECK_CONFIG_H_
#define WEIR_RUNNER_CHECK_CHECK_CONFIG_H_

#include <string>

#include "absl/status/statusor.h"
#include "runner/check/checked_run.h"
#include "runner/check/module_copy.h"

namespace weir {

// The configuration in the file at `path`: one JSON object, of no more than a
// host gives to a child. Returns NotFound and InvalidArgument, naming the file.
absl::StatusOr<std::string> ReadCheckConfig(const std::string& path);

// `config` with the defaults of the plugin's schema, as a host fills them in;
// as it is if the plugin has none, cannot be asked, or would be refused with
// it: that is found later. Asks in a child, which `child` describes.
std::string WithDefaults(const ModuleCopy& module, const ChildOfRunner& child,
                         const std::string& config);

}  // namespace weir

#endif  // WEIR_RUNNER_CHECK_CHECK_CONFIG_H_
