#ifndef WEIR_HOST_PLUGIN_WEIR_STATUS_H_
#define WEIR_HOST_PLUGIN_WEIR_STATUS_H_

#include "absl/status/status.h"
#include "weir/plugin_abi.h"

namespace weir {

// What a plugin that asked the host for something is told of `status`.
inline weir_status ToWeirStatus(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return WEIR_OK;
    case absl::StatusCode::kUnimplemented:
      return WEIR_UNSUPPORTED;
    case absl::StatusCode::kNotFound:
      return WEIR_NOT_FOUND;
    case absl::StatusCode::kInvalidArgument:
      return WEIR_INVALID;
    case absl::StatusCode::kResourceExhausted:
      return WEIR_AGAIN;
    default:
      return WEIR_ERR;
  }
}

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_WEIR_STATUS_H_
