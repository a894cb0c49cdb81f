#include "host/rpc/subscription_service.h"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "host/rpc/paging.h"
#include "host/rpc/pending_call.h"
#include "host/rpc/proto_time.h"
#include "host/rpc/raw_request.h"
#include "host/rpc/stream_convert.h"
#include "host/rpc/stream_reactor.h"
#include "host/rpc/subscription_convert.h"
#include "host/rpc/to_grpc.h"
#include "host/status/error_info.h"

namespace weir {
namespace {

absl::Status InvalidField(const std::string& field, const std::string& fault,
                          std::map<std::string, std::string> metadata = {}) {
  metadata["field"] = field;
  return MakeError(absl::StatusCode::kInvalidArgument,
                   absl::StrCat(field, ": ", fault),
                   {.reason = "INVALID_FIELD",
                    .metadata = std::move(metadata),
                    .field_violations = {{field, fault}}});
}

// An empty mask means all that can be set.
absl::StatusOr<SubscriptionFields> FieldsFromProto(
    const google::protobuf::FieldMask& mask) {
  SubscriptionFields fields;
  const std::array<std::pair<absl::string_view, bool*>, 6> known = {{
      {"display_name", &fields.display_name},
      {"filters", &fields.filters},
      {"max_unacked_events", &fields.max_unacked_events},
      {"gap_policy", &fields.gap_policy},
      {"idle_ttl", &fields.idle_ttl},
      {"labels", &fields.labels},
  }};
  for (const std::string& path : mask.paths()) {
    const auto at =
        std::find_if(known.begin(), known.end(),
                     [&](const auto& field) { return field.first == path; });
    if (at != known.end()) {
      *at->second = true;
      continue;
    }
    const std::string value = absl::Utf8SafeCHexEscape(path.substr(0, 64));
    return InvalidField(
        "update_mask",
        absl::StrCat("\"", value,
                     "\" cannot be set; display_name, filters, "
                     "max_unacked_events, gap_policy, idle_ttl and labels can"),
        {{"value", value}});
  }
  if (mask.paths().empty()) {
    for (const auto& field : known) *field.second = true;
  }
  return fields;
}

absl::Status Take(absl::StatusOr<Subscription> result, v1::Subscription* out) {
  if (result.ok()) ToProto(*result, out);
  return result.status();
}

// Answers with what `find` returns. To go to a time, a file may have to be
// read, and that is done in another thread.
grpc::ServerUnaryReactor* FinishWith(
    grpc::CallbackServerContext* context, const StartPosition& start,
    std::function<absl::StatusOr<Subscription>()> find, SlowCalls& slow_calls,
    v1::Subscription* response) {
  if (start.kind != StartPosition::Kind::kAtTime) {
    return Finish(context, Take(find(), response));
  }
  const auto call = PendingCall::Start(response);
  const absl::Status accepted = slow_calls.Run([call, find = std::move(find)] {
    v1::Subscription answer;
    const absl::Status status = Take(find(), &answer);
    if (status.ok()) {
      call->Answer(answer.SerializeAsString());
    } else {
      call->Answer(status);
    }
  });
  if (!accepted.ok()) call->Answer(accepted);
  return call->reactor();
}

}  // namespace

grpc::ServerUnaryReactor* SubscriptionService::CreateSubscription(
    grpc::CallbackServerContext* context,
    const v1::CreateSubscriptionRequest* request, v1::Subscription* response) {
  absl::Status status = access_.Require(context->peer(), Role::kSubscriber);
  if (!status.ok()) return Finish(context, status);
  auto settings = SettingsFromProto(request->subscription());
  if (!settings.ok()) return Finish(context, settings.status());
  const StartPosition start = StartFromProto(request->start());
  // A copy: gRPC's request is gone with a call that is cancelled.
  return FinishWith(
      context, start,
      [this, start, settings = *std::move(settings),
       id = request->subscription_id(), request_id = request->request_id(),
       validate_only = request->validate_only()] {
        return subscriptions_.Create(id, settings, start, request_id,
                                     validate_only);
      },
      slow_calls_, response);
}

grpc::ServerUnaryReactor* SubscriptionService::GetSubscription(
    grpc::CallbackServerContext* context,
    const v1::GetSubscriptionRequest* request, v1::Subscription* response) {
  absl::Status status = access_.Require(context->peer(), Role::kSubscriber);
  if (!status.ok()) return Finish(context, status);
  return Finish(context, Take(subscriptions_.Get(request->name()), response));
}

grpc::ServerUnaryReactor* SubscriptionService::ListSubscriptions(
    grpc::CallbackServerContext* context,
    const v1::ListSubscriptionsRequest* request,
    v1::ListSubscriptionsResponse* response) {
  absl::Status status = access_.Require(context->peer(), Role::kSubscriber);
  if (!status.ok()) return Finish(context, status);
  const auto page = PageOf(subscriptions_.List(), request->page_size(),
                           request->page_token());
  if (!page.ok()) return Finish(context, page.status());
  for (const Subscription& subscription : page->items) {
    ToProto(subscription, response->add_subscriptions());
  }
  response->set_next_page_token(page->next_page_token);
  return Finish(context, absl::OkStatus());
}

grpc::ServerUnaryReactor* SubscriptionService::UpdateSubscription(
    grpc::CallbackServerContext* context,
    const v1::UpdateSubscriptionRequest* request, v1::Subscription* response) {
  absl::Status status = access_.Require(context->peer(), Role::kSubscriber);
  if (!status.ok()) return Finish(context, status);
  const auto fields = FieldsFromProto(request->update_mask());
  if (!fields.ok()) return Finish(context, fields.status());
  auto settings = SettingsFromProto(request->subscription());
  if (!settings.ok()) return Finish(context, settings.status());
  return Finish(context,
                Take(subscriptions_.Update(request->subscription().name(),
                                           *std::move(settings), *fields,
                                           request->subscription().etag()),
                     response));
}

grpc::ServerUnaryReactor* SubscriptionService::SeekSubscription(
    grpc::CallbackServerContext* context,
    const v1::SeekSubscriptionRequest* request, v1::Subscription* response) {
  absl::Status status = access_.Require(context->peer(), Role::kSubscriber);
  if (!status.ok()) return Finish(context, status);
  if (request->start().position_case() == v1::StartPosition::POSITION_NOT_SET) {
    return Finish(
        context,
        InvalidField("start", "is not set; say where to, such as latest"));
  }
  const StartPosition start = StartFromProto(request->start());
  return FinishWith(
      context, start,
      [this, start, name = request->name()] {
        return subscriptions_.Seek(name, start);
      },
      slow_calls_, response);
}

grpc::ServerUnaryReactor* SubscriptionService::DeleteSubscription(
    grpc::CallbackServerContext* context,
    const v1::DeleteSubscriptionRequest* request,
    v1::DeleteSubscriptionResponse*) {
  absl::Status status = access_.Require(context->peer(), Role::kSubscriber);
  if (!status.ok()) return Finish(context, status);
  return Finish(context, subscriptions_.Delete(request->name(), request->etag(),
                                               request->allow_missing()));
}

grpc::ServerUnaryReactor* SubscriptionService::Acknowledge(
    grpc::CallbackServerContext* context, const v1::AcknowledgeRequest* request,
    v1::AcknowledgeResponse* response) {
  absl::Status status = access_.Require(context->peer(), Role::kSubscriber);
  if (!status.ok()) return Finish(context, status);
  const auto result = subscriptions_.Acknowledge(
      request->name(), request->cursor(), request->lease_id());
  if (result.ok()) {
    response->set_ack_cursor(result->ack_cursor);
    response->set_unacked_events(result->unacked_events);
  }
  return Finish(context, result.status());
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* SubscriptionService::Consume(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* request) {
  const auto open = [&](std::function<void()> ready)
      -> absl::StatusOr<std::unique_ptr<EventStream>> {
    ConsumeOptions options;
    options.peer = context->peer();
    if (absl::Status allowed = access_.Require(options.peer, Role::kSubscriber);
        !allowed.ok()) {
      return allowed;
    }
    const auto message = ParseRaw<v1::ConsumeRequest>(*request);
    if (!message.ok()) return message.status();
    const auto batch = BatchFromProto(message->batch());
    if (!batch.ok()) return batch.status();
    options.name = message->name();
    options.batch = *batch;
    if (message->has_heartbeat_interval()) {
      const auto interval = DurationFromRequest(message->heartbeat_interval(),
                                                "heartbeat_interval");
      if (!interval.ok()) return interval.status();
      options.heartbeat_interval = *interval;
    }
    options.client_name = message->client_name();
    options.takeover = message->takeover();
    options.auto_ack = message->auto_ack();
    return subscriptions_.Consume(std::move(options), std::move(ready));
  };
  return StreamReactor::Start(context, open, version_);
}

}  // namespace weir
