#ifndef WEIR_HOST_RPC_PENDING_CALL_H_
#define WEIR_HOST_RPC_PENDING_CALL_H_

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/message_lite.h"
#include "grpcpp/grpcpp.h"
#include "host/sync/mutex.h"

namespace weir {

// A unary call that is answered later, from any thread: it waits for something
// that takes its time, and no thread of gRPC's waits with it.
//
// A call ends once. It ends with the first answer, or at once when it is
// cancelled: the client has gone, its deadline has passed, or the server stops.
// An answer that comes after that finds nobody and is dropped, so the server
// can stop however long the answer takes.
//
// Thread-safe. Shared by gRPC, until it is done with the call, and by whoever
// is to answer.
class PendingCall final : public grpc::ServerUnaryReactor {
 public:
  // Begins a call whose answer goes into `response`, which gRPC keeps until the
  // call has ended. The method returns `reactor()`, even if it is answered
  // already.
  static std::shared_ptr<PendingCall> Start(
      google::protobuf::MessageLite* response);

  grpc::ServerUnaryReactor* reactor() { return this; }

  // Ends the call with the serialized response, or with an error.
  void Answer(const absl::StatusOr<std::string>& answer)
      ABSL_LOCKS_EXCLUDED(mu_);

  // gRPC's.
  void OnCancel() override ABSL_LOCKS_EXCLUDED(mu_);
  void OnDone() override ABSL_LOCKS_EXCLUDED(mu_);

 private:
  explicit PendingCall(google::protobuf::MessageLite* response)
      : response_(response) {}

  Mutex mu_;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  // Not touched once the call has ended.
  google::protobuf::MessageLite* const response_ ABSL_PT_GUARDED_BY(mu_);
  std::shared_ptr<PendingCall> self_ ABSL_GUARDED_BY(mu_);  // gRPC's share.
};

}  // namespace weir

#endif  // WEIR_HOST_RPC_PENDING_CALL_H_
