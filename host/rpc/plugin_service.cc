#include "host/rpc/plugin_service.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/json_util.h"
#include "host/rpc/paging.h"
#include "host/rpc/proto_time.h"
#include "host/rpc/to_grpc.h"
#include "host/status/error_info.h"

namespace weir {
namespace {

v1::QueuePolicy ToProto(QueuePolicy policy) {
  switch (policy) {
    case QueuePolicy::kLinearDrop:
      return v1::QUEUE_POLICY_LINEAR_DROP;
    case QueuePolicy::kDropNewest:
      return v1::QUEUE_POLICY_DROP_NEWEST;
    case QueuePolicy::kDropOldest:
      return v1::QUEUE_POLICY_DROP_OLDEST;
    case QueuePolicy::kBlock:
      return v1::QUEUE_POLICY_BLOCK;
  }
  return v1::QUEUE_POLICY_UNSPECIFIED;
}

void FillSettings(const PluginStatus& plugin, v1::PluginSettings* out) {
  out->set_isolation(v1::ISOLATION_IN_PROCESS);
  out->set_policy(ToProto(plugin.policy));
  out->set_capacity(plugin.effective_capacity);
  out->set_emit_limit_per_second(plugin.emit_limit_per_second);
  out->set_log_limit_per_second(plugin.log_limit_per_second);
  *out->mutable_soft_deadline() = weir::ToProto(plugin.soft_deadline);
  *out->mutable_create_deadline() = weir::ToProto(plugin.create_deadline);
  *out->mutable_drain_timeout() = weir::ToProto(plugin.drain_timeout);
}

void FillTransition(const PluginStatus& plugin, v1::Plugin::Transition* out) {
  out->set_from(static_cast<v1::Plugin::State>(plugin.last_transition.from));
  out->set_to(static_cast<v1::Plugin::State>(plugin.last_transition.to));
  out->set_reason(plugin.last_transition.reason);
  out->set_actor(plugin.last_transition.actor);
  SetTime(plugin.last_transition.time, [&] { return out->mutable_time(); });
  out->set_generation(plugin.last_transition.generation);
}

void ToProto(const PluginStatus& plugin, v1::Plugin* out) {
  out->set_name(plugin.name);
  out->set_module(plugin.module);
  out->set_version(plugin.version);
  out->set_sha256(plugin.sha256);
  out->set_abi_version(plugin.abi_version);
  out->set_state(static_cast<v1::Plugin::State>(plugin.state));
  for (const PluginStatus::Condition condition : plugin.conditions) {
    out->add_conditions(static_cast<v1::Plugin::Condition>(condition));
  }
  out->set_error(plugin.error);
  FillTransition(plugin, out->mutable_last_transition());
  if (!plugin.config_json.empty()) {
    // It was made from a Struct, so it is one again.
    (void)google::protobuf::util::JsonStringToMessage(plugin.config_json,
                                                      out->mutable_config());
  }
  out->set_config_revision(plugin.config_revision);
  FillSettings(plugin, out->mutable_settings());
  out->set_requested_capacity(plugin.requested_capacity);
  out->set_effective_capacity(plugin.effective_capacity);
  out->set_generation(plugin.generation);
  SetTime(plugin.load_time, [&] { return out->mutable_load_time(); });
  SetTime(plugin.update_time, [&] { return out->mutable_update_time(); });
  out->set_etag(plugin.etag);
  for (const std::string& type : plugin.wanted_message_types) {
    out->add_wanted_message_types(type);
  }
  for (const std::string& type : plugin.event_types) out->add_event_types(type);
}

}  // namespace

grpc::ServerUnaryReactor* PluginService::ListPlugins(
    grpc::CallbackServerContext* context, const v1::ListPluginsRequest* request,
    v1::ListPluginsResponse* response) {
  absl::Status status = access_.Require(context->peer(), Role::kViewer);
  if (!status.ok()) return Finish(context, status);
  std::vector<PluginStatus> plugins = plugins_.List();
  if (request->states_size() > 0) {
    std::erase_if(plugins, [&](const PluginStatus& plugin) {
      return std::find(request->states().begin(), request->states().end(),
                       static_cast<int>(plugin.state)) ==
             request->states().end();
    });
  }
  const auto page =
      PageOf(std::move(plugins), request->page_size(), request->page_token());
  if (!page.ok()) return Finish(context, page.status());
  for (const PluginStatus& plugin : page->items) {
    ToProto(plugin, response->add_plugins());
  }
  response->set_next_page_token(page->next_page_token);
  return Finish(context, absl::OkStatus());
}

grpc::ServerUnaryReactor* PluginService::GetPlugin(
    grpc::CallbackServerContext* context, const v1::GetPluginRequest* request,
    v1::Plugin* response) {
  absl::Status status = access_.Require(context->peer(), Role::kViewer);
  if (!status.ok()) return Finish(context, status);
  for (const PluginStatus& plugin : plugins_.List()) {
    if (plugin.name != request->name()) continue;
    ToProto(plugin, response);
    return Finish(context, absl::OkStatus());
  }
  return Finish(
      context, MakeError(absl::StatusCode::kNotFound,
                         absl::StrCat("no plugin is called \"", request->name(),
                                      "\"; ListPlugins names them"),
                         {.reason = "PLUGIN_NOT_FOUND",
                          .metadata = {{"name", request->name()}}}));
}

}  // namespace weir
