#include "lib/client/call_status.h"

#include <google/protobuf/any.pb.h>

#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"

namespace weir::client {
namespace {

absl::Duration FromProto(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) +
         absl::Nanoseconds(duration.nanos());
}

void DecodeDetail(const google::protobuf::Any& detail, CallStatus* into) {
  google::rpc::ErrorInfo info;
  google::rpc::RetryInfo retry;
  google::rpc::BadRequest bad_request;
  if (detail.UnpackTo(&info)) {
    into->reason = info.reason();
    into->metadata = {info.metadata().begin(), info.metadata().end()};
  } else if (detail.UnpackTo(&retry)) {
    into->retry_delay = FromProto(retry.retry_delay());
  } else if (detail.UnpackTo(&bad_request)) {
    for (const auto& violation : bad_request.field_violations()) {
      into->violations.push_back({violation.field(), violation.description()});
    }
  }
}

}  // namespace

CallStatus DecodeStatus(const grpc::Status& status) {
  CallStatus decoded;
  decoded.code = status.error_code();
  decoded.message = status.error_message();
  google::rpc::Status details;
  if (!details.ParseFromString(status.error_details())) return decoded;
  for (const google::protobuf::Any& detail : details.details()) {
    DecodeDetail(detail, &decoded);
  }
  return decoded;
}

bool IsWorthRetrying(const CallStatus& status) {
  if (status.ok()) return false;
  if (status.retry_delay.has_value()) return true;
  switch (status.code) {
    case grpc::StatusCode::UNAVAILABLE:
      return true;
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      return status.reason == "SLOW_CONSUMER";
    case grpc::StatusCode::CANCELLED:
    case grpc::StatusCode::UNKNOWN:
    case grpc::StatusCode::INTERNAL:
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return status.reason.empty();
    default:
      return false;
  }
}

std::string CodeName(grpc::StatusCode code) {
  static constexpr absl::string_view kNames[] = {"OK",
                                                 "CANCELLED",
                                                 "UNKNOWN",
                                                 "INVALID_ARGUMENT",
                                                 "DEADLINE_EXCEEDED",
                                                 "NOT_FOUND",
                                                 "ALREADY_EXISTS",
                                                 "PERMISSION_DENIED",
                                                 "RESOURCE_EXHAUSTED",
                                                 "FAILED_PRECONDITION",
                                                 "ABORTED",
                                                 "OUT_OF_RANGE",
                                                 "UNIMPLEMENTED",
                                                 "INTERNAL",
                                                 "UNAVAILABLE",
                                                 "DATA_LOSS",
                                                 "UNAUTHENTICATED"};
  const int number = static_cast<int>(code);
  if (number < 0 || number > 16) return absl::StrCat("CODE_", number);
  return std::string(kNames[number]);
}

}  // namespace weir::client
