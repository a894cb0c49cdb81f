#ifndef WEIR_HOST_RPC_SOURCE_SERVICE_H_
#define WEIR_HOST_RPC_SOURCE_SERVICE_H_

#include "host/control/source_control.h"
#include "host/rpc/access.h"
#include "host/rpc/answer_cache.h"
#include "host/sync/clock.h"
#include "weir/v1/source.grpc.pb.h"

namespace weir {

// weir.v1.SourceService. Thread-safe.
class SourceService final : public v1::SourceService::CallbackService {
 public:
  // All must outlive the service.
  SourceService(SourceControl& sources, const Access& access,
                const Clock& clock)
      : sources_(sources), access_(access), answers_(clock) {}

  grpc::ServerUnaryReactor* ListSources(
      grpc::CallbackServerContext* context,
      const v1::ListSourcesRequest* request,
      v1::ListSourcesResponse* response) override;
  grpc::ServerUnaryReactor* GetSource(grpc::CallbackServerContext* context,
                                      const v1::GetSourceRequest* request,
                                      v1::Source* response) override;
  grpc::ServerUnaryReactor* PauseSource(grpc::CallbackServerContext* context,
                                        const v1::PauseSourceRequest* request,
                                        v1::Source* response) override;
  grpc::ServerUnaryReactor* ResumeSource(grpc::CallbackServerContext* context,
                                         const v1::ResumeSourceRequest* request,
                                         v1::Source* response) override;
  grpc::ServerUnaryReactor* ReconnectSource(
      grpc::CallbackServerContext* context,
      const v1::ReconnectSourceRequest* request, v1::Source* response) override;

 private:
  SourceControl& sources_;
  const Access& access_;
  AnswerCache answers_;
};

}  // namespace weir

#endif  // WEIR_HOST_RPC_SOURCE_SERVICE_H_
