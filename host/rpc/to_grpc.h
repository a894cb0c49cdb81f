#ifndef WEIR_HOST_RPC_TO_GRPC_H_
#define WEIR_HOST_RPC_TO_GRPC_H_

#include "absl/status/status.h"
#include "grpcpp/grpcpp.h"

namespace weir {

// Returns `status` as gRPC has it. The codes are the same in both, by design
// (google/rpc/code.proto). What MakeError attached becomes a google.rpc.Status
// in the details: one ErrorInfo of the domain "weir.v1", a RetryInfo where
// repeating the call can work, a BadRequest where fields are at fault.
grpc::Status ToGrpc(const absl::Status& status);

// Ends a unary call with `status`: `return Finish(context, status);`
grpc::ServerUnaryReactor* Finish(grpc::CallbackServerContext* context,
                                 const absl::Status& status);

}  // namespace weir

#endif  // WEIR_HOST_RPC_TO_GRPC_H_
