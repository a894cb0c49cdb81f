#include "host/rpc/plugin_service.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "host/control/abi_fault.h"
#include "host/control/plugin_status.h"
#include "host/rpc/paging.h"
#include "host/rpc/pending_call.h"
#include "host/rpc/plugin_convert.h"
#include "host/rpc/proto_time.h"
#include "host/rpc/to_grpc.h"
#include "host/status/error_info.h"
#include "host/sync/mutex.h"

namespace weir {
namespace {

bool IsMissing(const absl::Status& status) {
  const auto info = GetErrorInfo(status);
  return info.has_value() && info->reason == "PLUGIN_NOT_FOUND";
}

absl::Time DeadlineOf(const grpc::CallbackServerContext& context) {
  const auto deadline = context.deadline();
  return deadline == std::chrono::system_clock::time_point::max()
             ? absl::InfiniteFuture()
             : absl::FromChrono(deadline);
}

absl::StatusOr<std::string> PluginAnswer(
    const absl::StatusOr<PluginOutcome>& outcome) {
  if (!outcome.ok()) return outcome.status();
  v1::Plugin plugin;
  ToProto(outcome->status, &plugin);
  return plugin.SerializeAsString();
}

// What the host would refuse the plugin for; OK if for nothing.
absl::Status WhatRefuses(const PluginStatus& plugin,
                         const PluginCheckReport& report) {
  std::vector<std::string> faults;
  const char* reason = "PLUGIN_INIT_FAILED";
  for (const PluginCheckReport::Finding& finding : report.findings) {
    if (finding.level != PluginCheckReport::Level::kError) continue;
    faults.push_back(absl::StrCat(finding.check, ": ", finding.message));
    if (IsAbiFault(faults.back())) reason = "PLUGIN_ABI_MISMATCH";
  }
  if (faults.empty()) return absl::OkStatus();
  const std::string detail = absl::StrJoin(faults, "; ");
  return MakeError(absl::StatusCode::kFailedPrecondition,
                   absl::StrCat(plugin.module, ": ", detail),
                   {.reason = reason,
                    .metadata = {{"name", plugin.name}, {"detail", detail}}});
}

absl::StatusOr<std::string> UnloadAnswer(
    bool allow_missing, const absl::StatusOr<PluginOutcome>& outcome) {
  v1::UnloadPluginResponse response;
  if (!outcome.ok()) {
    if (!allow_missing || !IsMissing(outcome.status())) return outcome.status();
    return response.SerializeAsString();
  }
  response.set_discarded_messages(outcome->discarded_messages);
  if (!outcome->removed) ToProto(outcome->status, response.mutable_plugin());
  return response.SerializeAsString();
}

// Replies once for many operations, when the last one of them has: with the
// first error, if there was one.
class Join {
 public:
  // Waits for `count` operations, 1 or more.
  Join(size_t count, PluginControl::Reply reply)
      : reply_(std::move(reply)), missing_(count) {}

  void Done(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_) {
    absl::Status first_error;
    {
      MutexLock lock(&mu_);
      if (status_.ok()) status_ = status;
      if (--missing_ > 0) return;
      first_error = status_;
    }
    if (first_error.ok()) {
      reply_(PluginOutcome());
    } else {
      reply_(first_error);
    }
  }

 private:
  const PluginControl::Reply reply_;
  Mutex mu_;
  size_t missing_ ABSL_GUARDED_BY(mu_);
  absl::Status status_ ABSL_GUARDED_BY(mu_);
};

}  // namespace

template <typename Request>
grpc::ServerUnaryReactor* PluginService::Operate(
    grpc::CallbackServerContext* context, absl::string_view method, Role role,
    const Request& request, google::protobuf::MessageLite* response,
    const Act& act, ToAnswer to_answer) {
  absl::Status status = access_.Require(context->peer(), role);
  if (!status.ok()) return Finish(context, status);
  absl::StatusOr<PluginOperation> operation = ToOperation(request);
  if (!operation.ok()) return Finish(context, operation.status());
  operation->actor = Access::ActorOf(context->peer());
  operation->deadline = DeadlineOf(*context);

  const std::shared_ptr<PendingCall> call = PendingCall::Start(response);
  // Of a dry run there is nothing to be done twice.
  const std::string request_id =
      operation->validate_only ? std::string() : request.request_id();
  const bool first = answers_->Begin(
      method, request_id, [call](const auto& answer) { call->Answer(answer); });
  if (!first) return call->reactor();
  act(*std::move(operation),
      [call, answers = answers_, method = std::string(method), request_id,
       to_answer =
           std::move(to_answer)](const absl::StatusOr<PluginOutcome>& outcome) {
        const absl::StatusOr<std::string> answer = to_answer(outcome);
        answers->Settle(method, request_id, answer);
        call->Answer(answer);
      });
  return call->reactor();
}

template <typename Request>
grpc::ServerUnaryReactor* PluginService::Change(
    grpc::CallbackServerContext* context, absl::string_view method, Role role,
    const Request& request, v1::Plugin* response) {
  return Operate(
      context, method, role, request, response,
      [this](PluginOperation operation, PluginControl::Reply reply) {
        plugins_.Do(std::move(operation), std::move(reply));
      },
      &PluginAnswer);
}

void PluginService::CheckFirst(PluginOperation operation,
                               PluginControl::Reply reply) {
  if (!operation.validate_only) {
    plugins_.Do(std::move(operation), std::move(reply));
    return;
  }
  PluginCheckRequest check = {.module = operation.module,
                              .sha256 = operation.sha256,
                              .config_json = operation.config_json,
                              .deadline = operation.deadline};
  plugins_.Do(
      std::move(operation),
      [&checks = checks_, check = std::move(check),
       reply = std::move(reply)](const absl::StatusOr<PluginOutcome>& outcome) {
        if (!outcome.ok()) return reply(outcome);
        PluginCheckRequest request = check;
        if (request.module.empty()) {
          request.module = outcome->status.module;
        }
        checks.Check(
            request, [reply, outcome = *outcome](
                         const absl::StatusOr<PluginCheckReport>& found) {
              if (!found.ok()) return reply(found.status());
              const absl::Status fault = WhatRefuses(outcome.status, *found);
              if (!fault.ok()) return reply(fault);
              reply(outcome);
            });
      });
}

void PluginService::DoOneOrAll(PluginOperation operation,
                               PluginControl::Reply reply) {
  if (operation.name != "plugins/-") {
    plugins_.Do(std::move(operation), std::move(reply));
    return;
  }
  const std::vector<PluginStatus> all = plugins_.List();
  if (all.empty()) {
    reply(PluginOutcome());
    return;
  }
  const auto join = std::make_shared<Join>(all.size(), std::move(reply));
  for (const PluginStatus& plugin : all) {
    operation.name = plugin.name;
    plugins_.Do(operation, [join](const absl::StatusOr<PluginOutcome>& done) {
      join->Done(IsMissing(done.status()) ? absl::OkStatus() : done.status());
    });
  }
}

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

grpc::ServerUnaryReactor* PluginService::CheckPlugin(
    grpc::CallbackServerContext* context, const v1::CheckPluginRequest* request,
    v1::CheckPluginResponse* response) {
  absl::Status status = access_.Require(context->peer(), Role::kAdmin);
  if (!status.ok()) return Finish(context, status);
  absl::StatusOr<PluginCheckRequest> check = ToCheckRequest(*request);
  if (!check.ok()) return Finish(context, check.status());
  check->deadline = DeadlineOf(*context);
  const std::shared_ptr<PendingCall> call = PendingCall::Start(response);
  checks_.Check(*std::move(check),
                [call](const absl::StatusOr<PluginCheckReport>& report) {
                  if (!report.ok()) return call->Answer(report.status());
                  v1::CheckPluginResponse answer;
                  ToProto(*report, &answer);
                  call->Answer(answer.SerializeAsString());
                });
  return call->reactor();
}

grpc::ServerUnaryReactor* PluginService::LoadPlugin(
    grpc::CallbackServerContext* context, const v1::LoadPluginRequest* request,
    v1::Plugin* response) {
  return Operate(
      context, "LoadPlugin", Role::kAdmin, *request, response,
      [this](PluginOperation operation, PluginControl::Reply reply) {
        CheckFirst(std::move(operation), std::move(reply));
      },
      &PluginAnswer);
}

grpc::ServerUnaryReactor* PluginService::UnloadPlugin(
    grpc::CallbackServerContext* context,
    const v1::UnloadPluginRequest* request,
    v1::UnloadPluginResponse* response) {
  return Operate(
      context, "UnloadPlugin", Role::kAdmin, *request, response,
      [this](PluginOperation operation, PluginControl::Reply reply) {
        plugins_.Do(std::move(operation), std::move(reply));
      },
      [allow_missing = request->allow_missing()](const auto& outcome) {
        return UnloadAnswer(allow_missing, outcome);
      });
}

grpc::ServerUnaryReactor* PluginService::ReloadPlugin(
    grpc::CallbackServerContext* context,
    const v1::ReloadPluginRequest* request, v1::Plugin* response) {
  return Change(context, "ReloadPlugin", Role::kAdmin, *request, response);
}

grpc::ServerUnaryReactor* PluginService::UpgradePlugin(
    grpc::CallbackServerContext* context,
    const v1::UpgradePluginRequest* request, v1::Plugin* response) {
  return Operate(
      context, "UpgradePlugin", Role::kAdmin, *request, response,
      [this](PluginOperation operation, PluginControl::Reply reply) {
        CheckFirst(std::move(operation), std::move(reply));
      },
      &PluginAnswer);
}

grpc::ServerUnaryReactor* PluginService::RollbackPlugin(
    grpc::CallbackServerContext* context,
    const v1::RollbackPluginRequest* request, v1::Plugin* response) {
  return Change(context, "RollbackPlugin", Role::kAdmin, *request, response);
}

grpc::ServerUnaryReactor* PluginService::UpdatePluginConfig(
    grpc::CallbackServerContext* context,
    const v1::UpdatePluginConfigRequest* request, v1::Plugin* response) {
  return Change(context, "UpdatePluginConfig", Role::kAdmin, *request,
                response);
}

grpc::ServerUnaryReactor* PluginService::PausePlugin(
    grpc::CallbackServerContext* context, const v1::PausePluginRequest* request,
    v1::Plugin* response) {
  return Change(context, "PausePlugin", Role::kOperator, *request, response);
}

grpc::ServerUnaryReactor* PluginService::ResumePlugin(
    grpc::CallbackServerContext* context,
    const v1::ResumePluginRequest* request, v1::Plugin* response) {
  return Change(context, "ResumePlugin", Role::kOperator, *request, response);
}

grpc::ServerUnaryReactor* PluginService::QuarantinePlugin(
    grpc::CallbackServerContext* context,
    const v1::QuarantinePluginRequest* request, v1::Plugin* response) {
  return Change(context, "QuarantinePlugin", Role::kOperator, *request,
                response);
}

grpc::ServerUnaryReactor* PluginService::ReleasePlugin(
    grpc::CallbackServerContext* context,
    const v1::ReleasePluginRequest* request, v1::Plugin* response) {
  return Change(context, "ReleasePlugin", Role::kOperator, *request, response);
}

grpc::ServerUnaryReactor* PluginService::ResetPluginStats(
    grpc::CallbackServerContext* context,
    const v1::ResetPluginStatsRequest* request,
    v1::ResetPluginStatsResponse* response) {
  return Operate(
      context, "ResetPluginStats", Role::kOperator, *request, response,
      [this](PluginOperation operation, PluginControl::Reply reply) {
        DoOneOrAll(std::move(operation), std::move(reply));
      },
      [&clock = clock_](const absl::StatusOr<PluginOutcome>& outcome)
          -> absl::StatusOr<std::string> {
        if (!outcome.ok()) return outcome.status();
        v1::ResetPluginStatsResponse answer;
        *answer.mutable_reset_time() = ToProto(clock.Now());
        return answer.SerializeAsString();
      });
}

}  // namespace weir
