#include "host/rpc/source_service.h"

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "host/rpc/paging.h"
#include "host/rpc/proto_time.h"
#include "host/rpc/to_grpc.h"
#include "host/status/error_info.h"

namespace weir {
namespace {

void ToProto(const SourceStatus& source, v1::Source* out) {
  out->set_name(source.name);
  out->set_kind(source.kind);
  out->set_endpoint(source.endpoint);
  out->set_state(static_cast<v1::Source::State>(source.state));
  SetTime(source.state_time, [&] { return out->mutable_state_time(); });
  SetTime(source.connected_since,
          [&] { return out->mutable_connected_since(); });
  SetTime(source.last_message_time,
          [&] { return out->mutable_last_message_time(); });
  SetTime(source.next_retry_time,
          [&] { return out->mutable_next_retry_time(); });
  if (source.current_backoff > absl::ZeroDuration()) {
    *out->mutable_current_backoff() = weir::ToProto(source.current_backoff);
  }
  out->set_consecutive_failures(source.consecutive_failures);
  if (source.last_error.has_value()) {
    auto& error = *out->mutable_last_error();
    error.set_message(source.last_error->message);
    error.set_kind(source.last_error->kind);
    error.set_status(source.last_error->status);
    SetTime(source.last_error->time, [&] { return error.mutable_time(); });
  }
  if (source.outage.has_value()) {
    auto& outage = *out->mutable_outage();
    SetTime(source.outage->begin_time,
            [&] { return outage.mutable_begin_time(); });
    SetTime(source.outage->end_time, [&] { return outage.mutable_end_time(); });
    outage.set_reason(source.outage->reason);
    outage.set_data_lost(source.outage->data_lost);
    outage.set_attempts(source.outage->attempts);
  }
  out->set_upstream_position(source.upstream_position);
  out->set_committed_position(source.committed_position);
  for (const auto& [key, text] : source.details) {
    (*out->mutable_details())[key] = text;
  }
  out->set_flow_control(source.flow_control);
  out->set_blocked(source.blocked);
  for (const std::string& name : source.blocked_by) out->add_blocked_by(name);
  out->set_decoder(source.decoder);
  out->set_connections(source.connections);
}

// Does `act` once for each request_id, and answers a repeat as the first time.
absl::Status Once(AnswerCache& answers, absl::string_view method,
                  absl::string_view request_id,
                  const std::function<absl::StatusOr<SourceStatus>()>& act,
                  v1::Source* response) {
  if (const auto kept = answers.Find(method, request_id)) {
    response->ParseFromString(*kept);
    return absl::OkStatus();
  }
  const auto result = act();
  if (!result.ok()) return result.status();
  ToProto(*result, response);
  answers.Keep(method, request_id, response->SerializeAsString());
  return absl::OkStatus();
}

}  // namespace

grpc::ServerUnaryReactor* SourceService::ListSources(
    grpc::CallbackServerContext* context, const v1::ListSourcesRequest* request,
    v1::ListSourcesResponse* response) {
  absl::Status status = access_.Require(context->peer(), Role::kViewer);
  if (!status.ok()) return Finish(context, status);
  const auto page =
      PageOf(sources_.List(), request->page_size(), request->page_token());
  if (!page.ok()) return Finish(context, page.status());
  for (const SourceStatus& source : page->items) {
    ToProto(source, response->add_sources());
  }
  response->set_next_page_token(page->next_page_token);
  return Finish(context, absl::OkStatus());
}

grpc::ServerUnaryReactor* SourceService::GetSource(
    grpc::CallbackServerContext* context, const v1::GetSourceRequest* request,
    v1::Source* response) {
  absl::Status status = access_.Require(context->peer(), Role::kViewer);
  if (!status.ok()) return Finish(context, status);
  for (const SourceStatus& source : sources_.List()) {
    if (source.name != request->name()) continue;
    ToProto(source, response);
    return Finish(context, absl::OkStatus());
  }
  return Finish(
      context, MakeError(absl::StatusCode::kNotFound,
                         absl::StrCat("no source is called \"", request->name(),
                                      "\"; ListSources names them"),
                         {.reason = "SOURCE_NOT_FOUND",
                          .metadata = {{"name", request->name()}}}));
}

grpc::ServerUnaryReactor* SourceService::PauseSource(
    grpc::CallbackServerContext* context, const v1::PauseSourceRequest* request,
    v1::Source* response) {
  absl::Status status = access_.Require(context->peer(), Role::kOperator);
  if (!status.ok()) return Finish(context, status);
  return Finish(
      context,
      Once(
          answers_, "PauseSource", request->request_id(),
          [&] { return sources_.Pause(request->name(), request->reason()); },
          response));
}

grpc::ServerUnaryReactor* SourceService::ResumeSource(
    grpc::CallbackServerContext* context,
    const v1::ResumeSourceRequest* request, v1::Source* response) {
  absl::Status status = access_.Require(context->peer(), Role::kOperator);
  if (!status.ok()) return Finish(context, status);
  return Finish(
      context,
      Once(
          answers_, "ResumeSource", request->request_id(),
          [&] { return sources_.Resume(request->name(), request->reason()); },
          response));
}

grpc::ServerUnaryReactor* SourceService::ReconnectSource(
    grpc::CallbackServerContext* context,
    const v1::ReconnectSourceRequest* request, v1::Source* response) {
  absl::Status status = access_.Require(context->peer(), Role::kOperator);
  if (!status.ok()) return Finish(context, status);
  return Finish(context, Once(
                             answers_, "ReconnectSource", request->request_id(),
                             [&] {
                               return sources_.Reconnect(
                                   request->name(), request->reset_backoff(),
                                   request->reason());
                             },
                             response));
}

}  // namespace weir
