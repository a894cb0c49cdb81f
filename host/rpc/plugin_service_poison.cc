// The calls of PluginService about messages that plugins died of.

#include <memory>
#include <string>

#include "host/rpc/pending_call.h"
#include "host/rpc/plugin_service.h"
#include "host/rpc/poison_convert.h"
#include "host/rpc/to_grpc.h"

namespace weir {
namespace {

// As the field `payload` has it.
constexpr size_t kMaxPayload = 64 << 10;

}  // namespace

grpc::ServerUnaryReactor* PluginService::ListPoisonMessages(
    grpc::CallbackServerContext* context,
    const v1::ListPoisonMessagesRequest* request,
    v1::ListPoisonMessagesResponse* response) {
  absl::Status status = access_.Require(context->peer(), Role::kOperator);
  if (!status.ok()) return Finish(context, status);
  const auto list = plugins_.ListPoison(request->parent());
  if (!list.ok()) return Finish(context, list.status());
  return Finish(context, FillPage(*list, *request, response));
}

grpc::ServerUnaryReactor* PluginService::GetPoisonMessage(
    grpc::CallbackServerContext* context,
    const v1::GetPoisonMessageRequest* request, v1::PoisonMessage* response) {
  absl::Status status = access_.Require(context->peer(), Role::kOperator);
  if (!status.ok()) return Finish(context, status);
  const auto name = ParsePoisonName(request->name());
  if (!name.ok()) return Finish(context, name.status());
  const auto poison = plugins_.GetPoison(name->plugin, name->number);
  if (!poison.ok()) return Finish(context, poison.status());
  ToProto(*poison, response);
  response->set_payload(
      std::string(poison->message.payload().substr(0, kMaxPayload)));
  return Finish(context, absl::OkStatus());
}

grpc::ServerUnaryReactor* PluginService::ReplayPoisonMessage(
    grpc::CallbackServerContext* context,
    const v1::ReplayPoisonMessageRequest* request,
    v1::ReplayPoisonMessageResponse* response) {
  absl::Status status = access_.Require(context->peer(), Role::kOperator);
  if (!status.ok()) return Finish(context, status);
  absl::StatusOr<PoisonReplay> replay = ToReplay(*request);
  if (!replay.ok()) return Finish(context, replay.status());
  const std::shared_ptr<PendingCall> call = PendingCall::Start(response);
  static constexpr char kMethod[] = "ReplayPoisonMessage";
  const std::string request_id = request->request_id();
  const bool first =
      answers_->Begin(kMethod, request_id,
                      [call](const auto& answer) { call->Answer(answer); });
  if (!first) return call->reactor();
  plugins_.ReplayPoison(*std::move(replay),
                        [call, answers = answers_, request_id](
                            const absl::StatusOr<TrialResult>& result) {
                          absl::StatusOr<std::string> answer = std::string();
                          if (!result.ok()) {
                            answer = result.status();
                          } else {
                            v1::ReplayPoisonMessageResponse proto;
                            ToProto(*result, &proto);
                            answer = proto.SerializeAsString();
                          }
                          answers->Settle(kMethod, request_id, answer);
                          call->Answer(answer);
                        });
  return call->reactor();
}

}  // namespace weir
