#include "host/rpc/pending_call.h"

#include <utility>

#include "host/rpc/to_grpc.h"

namespace weir {

std::shared_ptr<PendingCall> PendingCall::Start(
    google::protobuf::MessageLite* response) {
  const std::shared_ptr<PendingCall> call(new PendingCall(response));
  MutexLock lock(&call->mu_);
  call->self_ = call;
  return call;
}

void PendingCall::Answer(const absl::StatusOr<std::string>& answer) {
  absl::Status status = answer.status();
  {
    MutexLock lock(&mu_);
    if (ended_) return;
    ended_ = true;
    if (answer.ok() && !response_->ParseFromString(*answer)) {
      status = absl::InternalError(
          "the answer is none to this call; report this as a bug");
    }
  }
  // The caller holds the call, so it is there even if gRPC is done with it at
  // once.
  Finish(ToGrpc(status));
}

void PendingCall::OnCancel() {
  Answer(absl::CancelledError("the call was cancelled before its answer"));
}

void PendingCall::OnDone() {
  std::shared_ptr<PendingCall> self;
  MutexLock lock(&mu_);
  self = std::move(self_);
}

}  // namespace weir
