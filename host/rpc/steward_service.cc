#include "host/rpc/steward_service.h"

#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "host/log/log.h"
#include "host/rpc/paging.h"
#include "host/rpc/steward_convert.h"
#include "host/rpc/to_grpc.h"
#include "host/status/error_info.h"
#include "host/status/invalid_field.h"
#include "lib/steward/profile.h"

namespace weir {
namespace {

constexpr size_t kStandardPage = 100;
constexpr size_t kLargestPage = 1000;

// The number that the page before ended with; 0 for the first page.
absl::StatusOr<uint64_t> ReadToken(const std::string& page_token) {
  uint64_t after = 0;
  if (page_token.empty() || absl::SimpleAtoi(page_token, &after)) return after;
  return InvalidField("page_token", "is none that this method gave out");
}

// What a kind of sources is, for people.
struct Kind {
  absl::string_view does;  // "sends"
  absl::string_view how;   // "nodes with steward.sending"
};

// That of `all` which a request means by `wanted`, its full name in `*source`.
template <typename All>
auto FindIn(All& all, const Kind& kind, const std::string& wanted,
            std::string* source) -> absl::StatusOr<decltype(all.Find(""))> {
  const std::vector<std::string> names = all.sources();
  *source = wanted;
  if (wanted.empty()) {
    if (names.size() > 1) {
      return InvalidField(
          "source",
          absl::StrCat("is empty, and more than one ", kind.does,
                       "; set it to one of ", absl::StrJoin(names, ", ")));
    }
    if (!names.empty()) *source = names[0];
  }
  if (const auto found = all.Find(*source); found != nullptr) return found;
  return MakeError(
      absl::StatusCode::kNotFound,
      absl::StrCat("no source \"", wanted, "\" ", kind.does, "; there are ",
                   names.empty() ? absl::StrCat("none: they are ", kind.how)
                                 : absl::StrJoin(names, ", ")),
      {.reason = "SOURCE_NOT_FOUND", .metadata = {{"name", wanted}}});
}

}  // namespace

absl::StatusOr<StewardOutbox*> StewardService::Find(
    const grpc::CallbackServerContext& context, Role role,
    const std::string& wanted, std::string* source) {
  absl::Status allowed = access_.Require(context.peer(), role);
  if (!allowed.ok()) return allowed;
  return FindIn(outboxes_,
                {.does = "sends", .how = "nodes with steward.sending"}, wanted,
                source);
}

absl::StatusOr<StewardNodeControl*> StewardService::FindNode(
    const grpc::CallbackServerContext& context, Role role,
    const std::string& wanted, std::string* source) {
  absl::Status allowed = access_.Require(context.peer(), role);
  if (!allowed.ok()) return allowed;
  return FindIn(nodes_,
                {.does = "is a node", .how = "of kind nats with `steward`"},
                wanted, source);
}

grpc::ServerUnaryReactor* StewardService::SendMessages(
    grpc::CallbackServerContext* context,
    const v1::SendMessagesRequest* request,
    v1::SendMessagesResponse* response) {
  std::string source;
  const absl::StatusOr<StewardOutbox*> outbox =
      Find(*context, Role::kOperator, request->source(), &source);
  if (!outbox.ok()) return Finish(context, outbox.status());
  if (request->messages().empty()) {
    return Finish(context, InvalidField("messages", "is empty; send some"));
  }
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const bool acts = answers_.Begin(
      "SendMessages", request->request_id(),
      [reactor, response](const absl::StatusOr<std::string>& answer) {
        if (answer.ok()) response->ParseFromString(*answer);
        reactor->Finish(ToGrpc(answer.status()));
      });
  if (!acts) return reactor;
  std::vector<steward::Message> messages;
  for (const v1::StewardMessage& message : request->messages()) {
    messages.push_back(FromProto(message));
  }
  response->set_source(source);
  response->set_messages(static_cast<uint32_t>(messages.size()));
  // Once it is finished, request and response are gone.
  (*outbox)->Post(
      std::move(messages),
      [this, reactor, id = request->request_id(),
       answer = response->SerializeAsString()](const absl::Status& done) {
        if (done.ok()) {
          answers_.Settle("SendMessages", id, answer);
        } else {
          answers_.Settle("SendMessages", id, done);
        }
        reactor->Finish(ToGrpc(done));
      });
  return reactor;
}

grpc::ServerUnaryReactor* StewardService::ListUndelivered(
    grpc::CallbackServerContext* context,
    const v1::ListUndeliveredRequest* request,
    v1::ListUndeliveredResponse* response) {
  std::string source;
  const absl::StatusOr<StewardOutbox*> outbox =
      Find(*context, Role::kViewer, request->source(), &source);
  if (!outbox.ok()) return Finish(context, outbox.status());
  const absl::StatusOr<size_t> limit =
      PageLimit(request->page_size(), kStandardPage, kLargestPage);
  if (!limit.ok()) return Finish(context, limit.status());
  const absl::StatusOr<uint64_t> after = ReadToken(request->page_token());
  if (!after.ok()) return Finish(context, after.status());
  const auto list = undelivered_.ListUndelivered(source, *after, *limit + 1);
  if (!list.ok()) return Finish(context, list.status());
  const bool s0 = (*outbox)->profile() == steward::Profile::kS0;
  for (const UndeliveredMessage& message : *list) {
    if (static_cast<size_t>(response->messages_size()) == *limit) {
      response->set_next_page_token(
          absl::StrCat(response->messages().rbegin()->number()));
      break;
    }
    ToProto(message, s0, response->add_messages());
  }
  return Finish(context, absl::OkStatus());
}

grpc::ServerUnaryReactor* StewardService::ResendUndelivered(
    grpc::CallbackServerContext* context,
    const v1::ResendUndeliveredRequest* request,
    v1::ResendUndeliveredResponse* response) {
  std::string source;
  const absl::StatusOr<StewardOutbox*> outbox =
      Find(*context, Role::kOperator, request->source(), &source);
  if (!outbox.ok()) return Finish(context, outbox.status());
  if (request->numbers().empty()) {
    return Finish(context, InvalidField("numbers", "is empty; name some"));
  }
  if (const auto kept =
          answers_.Find("ResendUndelivered", request->request_id())) {
    response->ParseFromString(*kept);
    return Finish(context, absl::OkStatus());
  }
  const absl::Status status = undelivered_.Resend(
      source, {request->numbers().begin(), request->numbers().end()});
  if (!status.ok()) return Finish(context, status);
  response->set_messages(static_cast<uint32_t>(request->numbers_size()));
  answers_.Keep("ResendUndelivered", request->request_id(),
                response->SerializeAsString());
  return Finish(context, absl::OkStatus());
}

grpc::ServerUnaryReactor* StewardService::ListProcesses(
    grpc::CallbackServerContext* context,
    const v1::ListProcessesRequest* request,
    v1::ListProcessesResponse* response) {
  std::string source;
  const absl::StatusOr<StewardNodeControl*> node =
      FindNode(*context, Role::kViewer, request->source(), &source);
  if (!node.ok()) return Finish(context, node.status());
  const absl::StatusOr<size_t> limit =
      PageLimit(request->page_size(), kStandardPage, kLargestPage);
  if (!limit.ok()) return Finish(context, limit.status());
  const absl::StatusOr<uint64_t> after = ReadToken(request->page_token());
  if (!after.ok()) return Finish(context, after.status());
  for (const StewardProcessStatus& process : (*node)->Processes()) {
    if (process.id <= *after) continue;
    if (static_cast<size_t>(response->processes_size()) == *limit) {
      response->set_next_page_token(
          absl::StrCat(response->processes().rbegin()->id()));
      break;
    }
    ToProto(process, source, response->add_processes());
  }
  return Finish(context, absl::OkStatus());
}

template <typename Request, typename Act>
grpc::ServerUnaryReactor* StewardService::Change(
    grpc::CallbackServerContext* context, absl::string_view method,
    const Request& request, v1::StewardProcessStatus* response, Act act) {
  std::string source;
  const absl::StatusOr<StewardNodeControl*> node =
      FindNode(*context, Role::kOperator, request.source(), &source);
  if (!node.ok()) return Finish(context, node.status());
  if (const auto kept = answers_.Find(method, request.request_id())) {
    response->ParseFromString(*kept);
    return Finish(context, absl::OkStatus());
  }
  const absl::StatusOr<StewardProcessStatus> done = act(**node);
  if (!done.ok()) return Finish(context, done.status());
  ToProto(*done, source, response);
  LogInfo(source, method, " ", response->method());
  answers_.Keep(method, request.request_id(), response->SerializeAsString());
  return Finish(context, absl::OkStatus());
}

grpc::ServerUnaryReactor* StewardService::StartProcess(
    grpc::CallbackServerContext* context,
    const v1::StartProcessRequest* request,
    v1::StewardProcessStatus* response) {
  return Change(
      context, "StartProcess", *request, response,
      [request](
          StewardNodeControl& node) -> absl::StatusOr<StewardProcessStatus> {
        const StewardProcessSettings settings = {
            .method = request->method(),
            .allowed_senders = {request->allowed_senders().begin(),
                                request->allowed_senders().end()},
            .require_signature = request->require_signature(),
            .stop_on_error = request->stop_on_error(),
            .acknowledge_done = request->acknowledge_done()};
        const bool plain =
            settings.allowed_senders.empty() && !settings.require_signature &&
            !settings.stop_on_error && !settings.acknowledge_done;
        if (plain) {
          auto started = node.StartConfigured(settings.method);
          if (!absl::IsNotFound(started.status())) return started;
        }
        return node.Start(settings);
      });
}

grpc::ServerUnaryReactor* StewardService::StopProcess(
    grpc::CallbackServerContext* context, const v1::StopProcessRequest* request,
    v1::StewardProcessStatus* response) {
  return Change(context, "StopProcess", *request, response,
                [request](StewardNodeControl& node) {
                  return node.Stop(request->method());
                });
}

}  // namespace weir
