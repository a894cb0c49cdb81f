#include "host/rpc/event_service.h"

#include <functional>
#include <memory>
#include <utility>

#include "host/rpc/page_reader.h"
#include "host/rpc/pending_call.h"
#include "host/rpc/raw_request.h"
#include "host/rpc/stream_convert.h"
#include "host/rpc/stream_reactor.h"
#include "host/rpc/to_grpc.h"
#include "host/status/error_info.h"

namespace weir {

grpc::ServerWriteReactor<grpc::ByteBuffer>* EventService::Subscribe(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* request) {
  const auto open = [&](std::function<void()> ready)
      -> absl::StatusOr<std::unique_ptr<EventStream>> {
    const std::string peer = context->peer();
    if (absl::Status allowed = access_.Require(peer, Role::kSubscriber);
        !allowed.ok()) {
      return allowed;
    }
    const auto message = ParseRaw<v1::SubscribeRequest>(*request);
    if (!message.ok()) return message.status();
    auto options = StreamOptionsFromProto(*message);
    if (!options.ok()) return options.status();
    options->peer = peer;
    return log_.Open(*std::move(options), std::move(ready));
  };
  return StreamReactor::Start(context, open, version_);
}

grpc::ServerUnaryReactor* EventService::ReadEvents(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  const std::string peer = context->peer();
  if (absl::Status allowed = access_.Require(peer, Role::kSubscriber);
      !allowed.ok()) {
    return Finish(context, allowed);
  }
  const auto message = ParseRaw<v1::ReadEventsRequest>(*request);
  if (!message.ok()) return Finish(context, message.status());
  StreamOptions options;
  options.start = StartFromProto(message->start());
  options.filters = FiltersFromProto(message->filters());
  options.client_name = "ReadEvents";
  options.peer = peer;
  return PageReader::Start(
      *message, std::move(options),
      [this](StreamOptions opened, std::function<void()> ready) {
        return log_.Open(std::move(opened), std::move(ready));
      },
      response);
}

grpc::ServerUnaryReactor* EventService::GetLogInfo(
    grpc::CallbackServerContext* context, const v1::GetLogInfoRequest*,
    v1::LogInfo* response) {
  absl::Status status = access_.Require(context->peer(), Role::kSubscriber);
  if (status.ok()) *response = ToProto(log_.Info());
  return Finish(context, status);
}

grpc::ServerUnaryReactor* EventService::Publish(
    grpc::CallbackServerContext* context, const v1::PublishRequest* request,
    v1::PublishResponse* response) {
  const std::string peer = context->peer();
  if (absl::Status allowed = access_.Require(peer, Role::kPublisher);
      !allowed.ok()) {
    return Finish(context, allowed);
  }
  if (publisher_ == nullptr) {
    return Finish(context,
                  MakeError(absl::StatusCode::kFailedPrecondition,
                            "this host takes no events from outside; set "
                            "broker.publish_enabled in its configuration",
                            {.reason = "PUBLISH_DISABLED",
                             .metadata = {{"state", "disabled"}}}));
  }
  const auto call = PendingCall::Start(response);
  publisher_->Publish(*request, peer,
                      [call](const absl::StatusOr<std::string>& answer) {
                        call->Answer(answer);
                      });
  return call->reactor();
}

}  // namespace weir
