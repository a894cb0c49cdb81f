// weir.node/1 as a plugin calls it: what InstanceServices makes of it, in
// either isolation mode.
#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "host/plugin/instance_services.h"
#include "host/plugin/node_call.h"

namespace weir {
namespace {

bool IsText(weir_str text, size_t max) {
  return text.len <= max && (text.data != nullptr || text.len == 0);
}

std::string Copy(weir_str text) {
  return text.len == 0 ? std::string() : std::string(text.data, text.len);
}

weir_str ToStr(const std::string& text) { return {text.data(), text.size()}; }

// Cut to the room that there is.
void Say(absl::string_view what, weir_err* err) {
  if (err == nullptr || !WEIR_HAS(err, weir_err, len) || err->cap == 0 ||
      err->text == nullptr) {
    return;
  }
  const size_t size = std::min<size_t>(what.size(), err->cap - 1);
  if (size > 0) std::memcpy(err->text, what.data(), size);
  err->text[size] = '\0';
  err->len = size;
}

}  // namespace

weir_status InstanceServices::AskNode(NodeCall::Kind kind, weir_str source,
                                      weir_str text, weir_str sender,
                                      weir_err* err) {
  const size_t max_text = kind == NodeCall::Kind::kSend ? NodeCall::kMaxMessages
                                                        : NodeCall::kMaxName;
  if (!IsText(source, NodeCall::kMaxSource) || !IsText(text, max_text) ||
      !IsText(sender, NodeCall::kMaxName)) {
    Say("a text is too long, or has no bytes", err);
    return WEIR_INVALID;
  }
  std::string answer;
  const weir_status status = CallNode({.kind = kind,
                                       .source = Copy(source),
                                       .text = Copy(text),
                                       .sender = Copy(sender)},
                                      &answer);
  if (status != WEIR_OK) Say(answer, err);
  return status;
}

weir_status InstanceServices::DescribeNode(
    void* ctx, weir_str source,
    weir_status (*take)(void* to, const weir_node* node), void* to) {
  if (take == nullptr || !IsText(source, NodeCall::kMaxSource)) {
    return WEIR_INVALID;
  }
  auto& self = *static_cast<InstanceServices*>(ctx);
  std::string answer;
  const weir_status status = self.CallNode(
      {.kind = NodeCall::Kind::kDescribe, .source = Copy(source)}, &answer);
  if (status != WEIR_OK) return status;
  const std::optional<NodeDescription> node = DecodeNode(answer);
  if (!node.has_value()) return WEIR_ERR;
  weir_node view = {};
  view.struct_size = sizeof(view);
  view.name = ToStr(node->name);
  view.profile = ToStr(node->profile);
  view.public_key = ToStr(node->public_key);
  return take(to, &view);
}

weir_status InstanceServices::Send(void* ctx, weir_str source,
                                   weir_str messages, weir_err* err) {
  return static_cast<InstanceServices*>(ctx)->AskNode(
      NodeCall::Kind::kSend, source, messages, {"", 0}, err);
}

// Asks for so many as fit into an answer, until there are no more.
weir_status InstanceServices::ListProcesses(
    void* ctx, weir_str source,
    weir_status (*take)(void* to, const weir_process* process), void* to) {
  if (take == nullptr || !IsText(source, NodeCall::kMaxSource)) {
    return WEIR_INVALID;
  }
  auto& self = *static_cast<InstanceServices*>(ctx);
  NodeCall call = {.kind = NodeCall::Kind::kList, .source = Copy(source)};
  while (true) {
    std::string answer;
    const weir_status status = self.CallNode(call, &answer);
    if (status != WEIR_OK) return status;
    const std::optional<std::vector<NodeProcess>> processes =
        DecodeProcesses(answer);
    if (!processes.has_value()) return WEIR_ERR;
    if (processes->empty()) return WEIR_OK;
    for (const NodeProcess& process : *processes) {
      weir_process view = {};
      view.struct_size = sizeof(view);
      view.state = process.state;
      view.id = process.id;
      view.configured = process.configured ? 1 : 0;
      view.method = ToStr(process.method);
      view.subject = ToStr(process.subject);
      view.name = ToStr(process.name);
      view.why = ToStr(process.why);
      const weir_status taken = take(to, &view);
      if (taken != WEIR_OK) return taken;
    }
    if (processes->back().id <= call.after) return WEIR_ERR;
    call.after = processes->back().id;
  }
}

weir_status InstanceServices::StartProcess(void* ctx, weir_str source,
                                           weir_str method,
                                           weir_str only_sender,
                                           weir_err* err) {
  return static_cast<InstanceServices*>(ctx)->AskNode(
      NodeCall::Kind::kStart, source, method, only_sender, err);
}

weir_status InstanceServices::StopProcess(void* ctx, weir_str source,
                                          weir_str method, weir_err* err) {
  return static_cast<InstanceServices*>(ctx)->AskNode(
      NodeCall::Kind::kStop, source, method, {"", 0}, err);
}

}  // namespace weir
