#include "lib/steward/reply.h"

#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace weir::steward {

absl::Status WantsReply(const Message& request) {
  if (request.is_reply) {
    return absl::NotFoundError("a reply is not answered");
  }
  if (request.reply_method == "none" || request.reply_method == "REQNone") {
    return absl::NotFoundError(absl::StrCat(
        "its reply method is ", request.reply_method, ": it wants no answer"));
  }
  if (request.from_node.empty()) {
    return absl::NotFoundError("it does not say which node sent it");
  }
  return absl::OkStatus();
}

Message MakeReply(const Message& request, std::string data,
                  absl::string_view suffix) {
  Message reply;
  reply.to_node = request.from_node;
  reply.from_node = request.to_node;
  reply.data.emplace();
  reply.data->push_back(std::move(data));
  reply.method = request.reply_method;
  if (reply.method.empty()) {
    reply.method = absl::StartsWith(request.method, "REQ") ? "REQToFileAppend"
                                                           : "fileAppend";
  }
  reply.method_args = request.reply_method_args;
  reply.method_instructions = request.reply_method_instructions;
  reply.method_timeout = request.reply_method_timeout;
  reply.ack_timeout = request.reply_ack_timeout;
  reply.retries = request.reply_retries;
  reply.retry_wait = request.retry_wait;
  reply.directory = request.directory;
  reply.file_name = absl::StrCat(request.file_name, suffix);
  reply.is_reply = true;
  auto previous = std::make_shared<Message>(request);
  previous->data.reset();
  // Nodes write a reply to the file that its request names, not to its own.
  previous->file_name = reply.file_name;
  reply.previous_message = std::move(previous);
  return reply;
}

}  // namespace weir::steward
