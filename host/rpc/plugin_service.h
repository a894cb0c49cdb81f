#ifndef WEIR_HOST_RPC_PLUGIN_SERVICE_H_
#define WEIR_HOST_RPC_PLUGIN_SERVICE_H_

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message_lite.h"
#include "host/control/plugin_checks.h"
#include "host/control/plugin_control.h"
#include "host/control/plugin_operation.h"
#include "host/rpc/access.h"
#include "host/rpc/answer_cache.h"
#include "host/sync/clock.h"
#include "weir/v1/plugin.grpc.pb.h"

namespace weir {

// weir.v1.PluginService.
//
// What changes a plugin takes as long as a plugin takes: such a call ends when
// PluginControl replies, and no thread of gRPC's waits meanwhile. A client that
// leaves before ends its call and not the operation; asking again with the same
// request_id gets the answer. With validate_only nothing is done, so the
// request_id is of no account.
//
// Thread-safe.
class PluginService final : public v1::PluginService::CallbackService {
 public:
  // All must outlive the service, and `clock` also the last reply of `plugins`.
  PluginService(PluginControl& plugins, PluginChecks& checks,
                const Access& access, const Clock& clock)
      : plugins_(plugins),
        checks_(checks),
        access_(access),
        clock_(clock),
        answers_(std::make_shared<AnswerCache>(clock)) {}

  grpc::ServerUnaryReactor* ListPlugins(
      grpc::CallbackServerContext* context,
      const v1::ListPluginsRequest* request,
      v1::ListPluginsResponse* response) override;
  grpc::ServerUnaryReactor* GetPlugin(grpc::CallbackServerContext* context,
                                      const v1::GetPluginRequest* request,
                                      v1::Plugin* response) override;
  grpc::ServerUnaryReactor* CheckPlugin(
      grpc::CallbackServerContext* context,
      const v1::CheckPluginRequest* request,
      v1::CheckPluginResponse* response) override;
  grpc::ServerUnaryReactor* LoadPlugin(grpc::CallbackServerContext* context,
                                       const v1::LoadPluginRequest* request,
                                       v1::Plugin* response) override;
  grpc::ServerUnaryReactor* UnloadPlugin(
      grpc::CallbackServerContext* context,
      const v1::UnloadPluginRequest* request,
      v1::UnloadPluginResponse* response) override;
  grpc::ServerUnaryReactor* ReloadPlugin(grpc::CallbackServerContext* context,
                                         const v1::ReloadPluginRequest* request,
                                         v1::Plugin* response) override;
  grpc::ServerUnaryReactor* UpgradePlugin(
      grpc::CallbackServerContext* context,
      const v1::UpgradePluginRequest* request, v1::Plugin* response) override;
  grpc::ServerUnaryReactor* RollbackPlugin(
      grpc::CallbackServerContext* context,
      const v1::RollbackPluginRequest* request, v1::Plugin* response) override;
  grpc::ServerUnaryReactor* UpdatePluginConfig(
      grpc::CallbackServerContext* context,
      const v1::UpdatePluginConfigRequest* request,
      v1::Plugin* response) override;
  grpc::ServerUnaryReactor* PausePlugin(grpc::CallbackServerContext* context,
                                        const v1::PausePluginRequest* request,
                                        v1::Plugin* response) override;
  grpc::ServerUnaryReactor* ResumePlugin(grpc::CallbackServerContext* context,
                                         const v1::ResumePluginRequest* request,
                                         v1::Plugin* response) override;
  grpc::ServerUnaryReactor* QuarantinePlugin(
      grpc::CallbackServerContext* context,
      const v1::QuarantinePluginRequest* request,
      v1::Plugin* response) override;
  grpc::ServerUnaryReactor* ReleasePlugin(
      grpc::CallbackServerContext* context,
      const v1::ReleasePluginRequest* request, v1::Plugin* response) override;
  grpc::ServerUnaryReactor* ListPoisonMessages(
      grpc::CallbackServerContext* context,
      const v1::ListPoisonMessagesRequest* request,
      v1::ListPoisonMessagesResponse* response) override;
  grpc::ServerUnaryReactor* GetPoisonMessage(
      grpc::CallbackServerContext* context,
      const v1::GetPoisonMessageRequest* request,
      v1::PoisonMessage* response) override;
  grpc::ServerUnaryReactor* ReplayPoisonMessage(
      grpc::CallbackServerContext* context,
      const v1::ReplayPoisonMessageRequest* request,
      v1::ReplayPoisonMessageResponse* response) override;
  grpc::ServerUnaryReactor* ResetPluginStats(
      grpc::CallbackServerContext* context,
      const v1::ResetPluginStatsRequest* request,
      v1::ResetPluginStatsResponse* response) override;

 private:
  // Does one operation, given what it is and whom to tell.
  using Act = std::function<void(PluginOperation, PluginControl::Reply)>;
  // Makes the serialized answer out of what the operation came to.
  using ToAnswer = std::function<absl::StatusOr<std::string>(
      const absl::StatusOr<PluginOutcome>&)>;

  // The way of all calls that change something: who may, what is asked for,
  // whether it was asked before; then `act`, and `to_answer`.
  template <typename Request>
  grpc::ServerUnaryReactor* Operate(grpc::CallbackServerContext* context,
                                    absl::string_view method, Role role,
                                    const Request& request,
                                    google::protobuf::MessageLite* response,
                                    const Act& act, ToAnswer to_answer);
  // The same for the many that are answered with the plugin.
  template <typename Request>
  grpc::ServerUnaryReactor* Change(grpc::CallbackServerContext* context,
                                   absl::string_view method, Role role,
                                   const Request& request,
                                   v1::Plugin* response);
  // PluginControl::Do; of a dry run, and of what would be loaded then all
  // checks, which refuse it in its place.
  void CheckFirst(PluginOperation operation, PluginControl::Reply reply);
  // PluginControl::Do, for "plugins/-" with every plugin: replies when all
  // have. One that goes away meanwhile needs no reset.
  void DoOneOrAll(PluginOperation operation, PluginControl::Reply reply);

  PluginControl& plugins_;
  PluginChecks& checks_;
  const Access& access_;
  const Clock& clock_;
  // Shared with the operations under way, which may outlive the service.
  const std::shared_ptr<AnswerCache> answers_;
};

}  // namespace weir

#endif  // WEIR_HOST_RPC_PLUGIN_SERVICE_H_
