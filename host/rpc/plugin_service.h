#ifndef WEIR_HOST_RPC_PLUGIN_SERVICE_H_
#define WEIR_HOST_RPC_PLUGIN_SERVICE_H_

#include "host/control/plugin_control.h"
#include "host/rpc/access.h"
#include "weir/v1/plugin.grpc.pb.h"

namespace weir {

// weir.v1.PluginService: ListPlugins and GetPlugin. The other methods answer
// UNIMPLEMENTED. Thread-safe.
class PluginService final : public v1::PluginService::CallbackService {
 public:
  // Both must outlive the service.
  PluginService(PluginControl& plugins, const Access& access)
      : plugins_(plugins), access_(access) {}

  grpc::ServerUnaryReactor* ListPlugins(
      grpc::CallbackServerContext* context,
      const v1::ListPluginsRequest* request,
      v1::ListPluginsResponse* response) override;
  grpc::ServerUnaryReactor* GetPlugin(grpc::CallbackServerContext* context,
                                      const v1::GetPluginRequest* request,
                                      v1::Plugin* response) override;

 private:
  PluginControl& plugins_;
  const Access& access_;
};

}  // namespace weir

#endif  // WEIR_HOST_RPC_PLUGIN_SERVICE_H_
