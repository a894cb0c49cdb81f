#ifndef WEIR_HOST_RPC_EVENT_SERVICE_H_
#define WEIR_HOST_RPC_EVENT_SERVICE_H_

#include <string>

#include "host/control/event_log.h"
#include "host/rpc/access.h"
#include "weir/v1/event.grpc.pb.h"

namespace weir {

// weir.v1.EventService: Subscribe, ReadEvents and GetLogInfo. Publish answers
// UNIMPLEMENTED. What answers with events is raw, because a response is mostly
// bytes that the log has already. Thread-safe.
class EventService final
    : public v1::EventService::WithRawCallbackMethod_Subscribe<
          v1::EventService::WithRawCallbackMethod_ReadEvents<
              v1::EventService::CallbackService>> {
 public:
  // `log` and `access` must outlive the service.
  EventService(EventLog& log, const Access& access, std::string server_version)
      : log_(log), access_(access), version_(std::move(server_version)) {}

  grpc::ServerWriteReactor<grpc::ByteBuffer>* Subscribe(
      grpc::CallbackServerContext* context,
      const grpc::ByteBuffer* request) override;
  grpc::ServerUnaryReactor* ReadEvents(grpc::CallbackServerContext* context,
                                       const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* GetLogInfo(grpc::CallbackServerContext* context,
                                       const v1::GetLogInfoRequest* request,
                                       v1::LogInfo* response) override;

 private:
  EventLog& log_;
  const Access& access_;
  const std::string version_;
};

}  // namespace weir

#endif  // WEIR_HOST_RPC_EVENT_SERVICE_H_
