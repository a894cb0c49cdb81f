#include "host/rpc/to_grpc.h"

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "google/rpc/error_details.pb.h"
#include "grpcpp/support/error_details.h"
#include "host/status/error_info.h"

namespace weir {

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const auto code = static_cast<grpc::StatusCode>(status.code());
  const std::string message(status.message());
  const std::optional<ErrorInfo> info = GetErrorInfo(status);
  if (!info.has_value()) return grpc::Status(code, message);

  google::rpc::Status details;
  details.set_code(static_cast<int>(code));
  details.set_message(message);
  google::rpc::ErrorInfo error_info;
  error_info.set_reason(info->reason);
  error_info.set_domain("weir.v1");
  for (const auto& [key, value] : info->metadata) {
    (*error_info.mutable_metadata())[key] = value;
  }
  details.add_details()->PackFrom(error_info);
  if (info->retry_delay.has_value()) {
    google::rpc::RetryInfo retry;
    const int64_t ns = absl::ToInt64Nanoseconds(*info->retry_delay);
    retry.mutable_retry_delay()->set_seconds(ns / 1'000'000'000);
    retry.mutable_retry_delay()->set_nanos(
        static_cast<int32_t>(ns % 1'000'000'000));
    details.add_details()->PackFrom(retry);
  }
  if (!info->field_violations.empty()) {
    google::rpc::BadRequest bad_request;
    for (const auto& [field, description] : info->field_violations) {
      auto* violation = bad_request.add_field_violations();
      violation->set_field(field);
      violation->set_description(description);
    }
    details.add_details()->PackFrom(bad_request);
  }
  return grpc::Status(code, message, details.SerializeAsString());
}

grpc::ServerUnaryReactor* Finish(grpc::CallbackServerContext* context,
                                 const absl::Status& status) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  reactor->Finish(ToGrpc(status));
  return reactor;
}

}  // namespace weir
