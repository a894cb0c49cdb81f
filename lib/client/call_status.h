#ifndef WEIR_LIB_CLIENT_CALL_STATUS_H_
#define WEIR_LIB_CLIENT_CALL_STATUS_H_

#include <grpcpp/support/status.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace weir::client {

// How a call ended, with the details that the server attached to its status
// already decoded. A value.
struct CallStatus {
  // A fault of one field of the request.
  struct FieldViolation {
    std::string field;  // "filters[0].subject_regexes[2]"
    std::string description;
  };

  grpc::StatusCode code = grpc::StatusCode::OK;
  std::string message;
  // Of ErrorInfo: a weir.v1.ErrorReason without its prefix, such as
  // "INVALID_REPLAY_ID", and the variable parts of the message by name. Empty
  // when gRPC itself, or no weir host, made the status.
  std::string reason;
  std::map<std::string, std::string> metadata;
  // Of RetryInfo: how long to wait, at least. Set exactly when the server says
  // that repeating the same call can work.
  std::optional<absl::Duration> retry_delay;
  // Of BadRequest.
  std::vector<FieldViolation> violations;

  bool ok() const { return code == grpc::StatusCode::OK; }
};

// Decodes `grpc-status-details-bin`. Details that do not parse are left out:
// the code and the message are still true.
CallStatus DecodeStatus(const grpc::Status& status);

// Whether the same call, made later or on another connection, can work:
//  - always with RetryInfo, and UNAVAILABLE;
//  - RESOURCE_EXHAUSTED / SLOW_CONSUMER, after which the client goes on from
//  its
//    cursor;
//  - CANCELLED, UNKNOWN, INTERNAL and DEADLINE_EXCEEDED without a reason: no
//  weir
//    host said so, it is how gRPC reports a broken connection.
// Anything else is the caller's to change: INVALID_ARGUMENT, OUT_OF_RANGE,
// NOT_FOUND, PERMISSION_DENIED, UNAUTHENTICATED, UNIMPLEMENTED, ...
bool IsWorthRetrying(const CallStatus& status);

// The name of `code` as in the gRPC documentation: "INVALID_ARGUMENT";
// "CODE_99" for one that has none.
std::string CodeName(grpc::StatusCode code);

}  // namespace weir::client

#endif  // WEIR_LIB_CLIENT_CALL_STATUS_H_
