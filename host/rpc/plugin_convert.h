#ifndef WEIR_HOST_RPC_PLUGIN_CONVERT_H_
#define WEIR_HOST_RPC_PLUGIN_CONVERT_H_

#include "absl/status/statusor.h"
#include "host/control/plugin_checks.h"
#include "host/control/plugin_operation.h"
#include "host/control/plugin_status.h"
#include "weir/v1/plugin.pb.h"

// The border between plugins as host/control has them and their protos. Pure
// functions.
namespace weir {

void ToProto(const PluginStatus& plugin, v1::Plugin* out);

// Each makes the operation that a request asks for, less its actor and its
// deadline, which are the call's and not the request's.
//
// Returns InvalidArgument / INVALID_FIELD with every field at fault:
//  - `name` is not "plugins/{plugin}", or names all of them, "plugins/-"
//  - `plugin_id` is not [a-z]([a-z0-9-]{0,61}[a-z0-9])?
//  - `module` is missing where it is required, or is a path: code comes from
//    the plugin folders alone
//  - `sha256` is not 64 lower-case hex digits
//  - `drain_timeout` is not in 0..60 s, or `probation_time` is negative
//  - `request_id` is no UUID
//  - `update_mask` names something else than configuration and settings, or
//    there is nothing to change
absl::StatusOr<PluginOperation> ToOperation(const v1::LoadPluginRequest&);
absl::StatusOr<PluginOperation> ToOperation(const v1::UnloadPluginRequest&);
absl::StatusOr<PluginOperation> ToOperation(const v1::ReloadPluginRequest&);
absl::StatusOr<PluginOperation> ToOperation(const v1::UpgradePluginRequest&);
absl::StatusOr<PluginOperation> ToOperation(const v1::RollbackPluginRequest&);
absl::StatusOr<PluginOperation> ToOperation(
    const v1::UpdatePluginConfigRequest&);
absl::StatusOr<PluginOperation> ToOperation(const v1::PausePluginRequest&);
absl::StatusOr<PluginOperation> ToOperation(const v1::ResumePluginRequest&);
absl::StatusOr<PluginOperation> ToOperation(const v1::QuarantinePluginRequest&);
absl::StatusOr<PluginOperation> ToOperation(const v1::ReleasePluginRequest&);
// Here "plugins/-" is a name, too: that of all.
absl::StatusOr<PluginOperation> ToOperation(const v1::ResetPluginStatsRequest&);

// Less its deadline. Returns InvalidArgument / INVALID_FIELD for a `module`
// that is missing or is a path, and for a `sha256` that is none.
absl::StatusOr<PluginCheckRequest> ToCheckRequest(
    const v1::CheckPluginRequest& request);
void ToProto(const PluginCheckReport& report, v1::CheckPluginResponse* out);

}  // namespace weir

#endif  // WEIR_HOST_RPC_PLUGIN_CONVERT_H_
