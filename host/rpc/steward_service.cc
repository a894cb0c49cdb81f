#include "host/rpc/steward_service.h"

#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "host/rpc/paging.h"
#include "host/rpc/steward_convert.h"
#include "host/rpc/to_grpc.h"
#include "host/status/error_info.h"
#include "lib/steward/profile.h"

namespace weir {
namespace {

constexpr size_t kStandardPage = 100;
constexpr size_t kLargestPage = 1000;

absl::Status InvalidField(const std::string& field, const std::string& what) {
  return MakeError(absl::StatusCode::kInvalidArgument,
                   absl::StrCat(field, " ", what),
                   {.reason = "INVALID_FIELD",
                    .metadata = {{"field", field}},
                    .field_violations = {{field, what}}});
}

}  // namespace

absl::StatusOr<StewardOutbox*> StewardService::Find(
    const grpc::CallbackServerContext& context, Role role,
    const std::string& wanted, std::string* source) {
  absl::Status allowed = access_.Require(context.peer(), role);
  if (!allowed.ok()) return allowed;
  const std::vector<std::string> names = outboxes_.sources();
  *source = wanted;
  if (wanted.empty()) {
    if (names.size() > 1) {
      return InvalidField("source",
                          absl::StrCat("is empty, and more than one sends; set "
                                       "it to one of ",
                                       absl::StrJoin(names, ", ")));
    }
    if (!names.empty()) *source = names[0];
  }
  StewardOutbox* const outbox = outboxes_.Find(*source);
  if (outbox != nullptr) return outbox;
  return MakeError(
      absl::StatusCode::kNotFound,
      absl::StrCat("no source \"", wanted, "\" sends; those that do are ",
                   names.empty() ? "none: they are nodes with steward.sending"
                                 : absl::StrJoin(names, ", ")),
      {.reason = "SOURCE_NOT_FOUND", .metadata = {{"name", wanted}}});
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
  uint64_t after = 0;
  if (!request->page_token().empty() &&
      !absl::SimpleAtoi(request->page_token(), &after)) {
    return Finish(context, InvalidField("page_token",
                                        "is none that this method gave out"));
  }
  const auto list = undelivered_.ListUndelivered(source, after, *limit + 1);
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

}  // namespace weir
