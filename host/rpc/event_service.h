#ifndef WEIR_HOST_RPC_EVENT_SERVICE_H_
#define WEIR_HOST_RPC_EVENT_SERVICE_H_

#include <string>

#include "host/control/event_log.h"
#include "host/rpc/access.h"
#include "host/rpc/publisher.h"
#include "weir/v1/event.grpc.pb.h"

namespace weir {

// weir.v1.EventService. What answers with events is raw, because a response is
// mostly bytes that the log has already. Thread-safe.
class EventService final
    : public v1::EventService::WithRawCallbackMethod_Subscribe<
          v1::EventService::WithRawCallbackMethod_ReadEvents<
              v1::EventService::CallbackService>> {
 public:
  // All must outlive the service. Without a `publisher`, Publish answers
  // FailedPrecondition / PUBLISH_DISABLED.
  EventService(EventLog& log, const Access& access, std::string server_version,
               Publisher* publisher = nullptr)
      : log_(log),
        access_(access),
        version_(std::move(server_version)),
        publisher_(publisher) {}

  grpc::ServerWriteReactor<grpc::ByteBuffer>* Subscribe(
      grpc::CallbackServerContext* context,
      const grpc::ByteBuffer* request) override;
  grpc::ServerUnaryReactor* ReadEvents(grpc::CallbackServerContext* context,
                                       const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* GetLogInfo(grpc::CallbackServerContext* context,
                                       const v1::GetLogInfoRequest* request,
                                       v1::LogInfo* response) override;
  grpc::ServerUnaryReactor* Publish(grpc::CallbackServerContext* context,
                                    const v1::PublishRequest* request,
                                    v1::PublishResponse* response) override;

 private:
  EventLog& log_;
  const Access& access_;
  const std::string version_;
  Publisher* const publisher_;
};

}  // namespace weir

#endif  // WEIR_HOST_RPC_EVENT_SERVICE_H_
