#ifndef WEIR_HOST_RPC_STEWARD_SERVICE_H_
#define WEIR_HOST_RPC_STEWARD_SERVICE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "host/control/steward_node.h"
#include "host/control/steward_nodes.h"
#include "host/control/steward_outboxes.h"
#include "host/control/steward_undelivered.h"
#include "host/rpc/access.h"
#include "host/rpc/answer_cache.h"
#include "host/sync/clock.h"
#include "weir/v1/steward.grpc.pb.h"

namespace weir {

// weir.v1.StewardService. Thread-safe.
class StewardService final : public v1::StewardService::CallbackService {
 public:
  // All must outlive the service.
  StewardService(StewardOutboxes& outboxes, StewardUndelivered& undelivered,
                 StewardNodes& nodes, const Access& access, const Clock& clock)
      : outboxes_(outboxes),
        undelivered_(undelivered),
        nodes_(nodes),
        access_(access),
        answers_(clock) {}

  grpc::ServerUnaryReactor* SendMessages(
      grpc::CallbackServerContext* context,
      const v1::SendMessagesRequest* request,
      v1::SendMessagesResponse* response) override;
  grpc::ServerUnaryReactor* ListUndelivered(
      grpc::CallbackServerContext* context,
      const v1::ListUndeliveredRequest* request,
      v1::ListUndeliveredResponse* response) override;
  grpc::ServerUnaryReactor* ResendUndelivered(
      grpc::CallbackServerContext* context,
      const v1::ResendUndeliveredRequest* request,
      v1::ResendUndeliveredResponse* response) override;
  grpc::ServerUnaryReactor* ListProcesses(
      grpc::CallbackServerContext* context,
      const v1::ListProcessesRequest* request,
      v1::ListProcessesResponse* response) override;
  grpc::ServerUnaryReactor* StartProcess(
      grpc::CallbackServerContext* context,
      const v1::StartProcessRequest* request,
      v1::StewardProcessStatus* response) override;
  grpc::ServerUnaryReactor* StopProcess(
      grpc::CallbackServerContext* context,
      const v1::StopProcessRequest* request,
      v1::StewardProcessStatus* response) override;

 private:
  // The outbox that a request means, and its full name in `*source`, for a
  // caller who has `role`.
  absl::StatusOr<StewardOutbox*> Find(
      const grpc::CallbackServerContext& context, Role role,
      const std::string& wanted, std::string* source);
  // The same of the node.
  absl::StatusOr<StewardNodeControl*> FindNode(
      const grpc::CallbackServerContext& context, Role role,
      const std::string& wanted, std::string* source);
  // Does `act` once for each request_id, and answers a repeat as the first
  // time.
  template <typename Request, typename Act>
  grpc::ServerUnaryReactor* Change(grpc::CallbackServerContext* context,
                                   absl::string_view method,
                                   const Request& request,
                                   v1::StewardProcessStatus* response, Act act);

  StewardOutboxes& outboxes_;
  StewardUndelivered& undelivered_;
  StewardNodes& nodes_;
  const Access& access_;
  AnswerCache answers_;
};

}  // namespace weir

#endif  // WEIR_HOST_RPC_STEWARD_SERVICE_H_
