#ifndef WEIR_HOST_STATUS_ERROR_INFO_H_
#define WEIR_HOST_STATUS_ERROR_INFO_H_

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace weir {

// Why a call failed, for programs: what becomes a google.rpc.ErrorInfo at the
// edge. A value.
struct ErrorInfo {
  // The name of a weir.v1.ErrorReason without its prefix: "INVALID_REPLAY_ID".
  std::string reason;
  // Every variable part of the message, by name: {"field": "start.after_id"}.
  std::map<std::string, std::string> metadata;
  // Set exactly when repeating the same call can work: how long to wait first.
  std::optional<absl::Duration> retry_delay;
  // Every field at fault and what is wrong with it, for InvalidArgument.
  std::vector<std::pair<std::string, std::string>> field_violations;
};

// Returns a status with `info` attached to it. It travels as a payload, so what
// annotates the message on the way keeps it.
absl::Status MakeError(absl::StatusCode code, absl::string_view message,
                       const ErrorInfo& info);

// Returns what MakeError attached, or nullopt.
std::optional<ErrorInfo> GetErrorInfo(const absl::Status& status);

}  // namespace weir

#endif  // WEIR_HOST_STATUS_ERROR_INFO_H_
