#include "lib/steward/message.h"

#include <tuple>

namespace weir::steward {
namespace {

auto Fields(const Message& m) {
  return std::tie(m.to_node, m.to_nodes, m.jetstream_to_node, m.id, m.data,
                  m.method, m.method_args, m.arg_signature, m.reply_method,
                  m.reply_method_args, m.is_reply, m.from_node, m.ack_timeout,
                  m.retry_wait, m.is_sub_published_msg, m.retries,
                  m.reply_ack_timeout, m.reply_retries, m.method_timeout,
                  m.reply_method_timeout, m.directory, m.file_name,
                  m.relay_via_node, m.relay_original_via_node,
                  m.relay_from_node, m.relay_to_node, m.relay_original_method,
                  m.relay_reply_method, m.schedule, m.use_detected_shell,
                  m.method_instructions, m.reply_method_instructions);
}

size_t SizeOf(int64_t) { return 0; }
size_t SizeOf(const std::string& text) { return text.size(); }
size_t SizeOf(const std::optional<std::string>& bytes) {
  return bytes.has_value() ? bytes->size() : 0;
}
size_t SizeOf(const std::optional<Message::Texts>& texts) {
  size_t size = 0;
  if (texts.has_value()) {
    for (const std::string& text : *texts) size += text.size();
  }
  return size;
}
size_t SizeOf(const std::optional<std::vector<int64_t>>& numbers) {
  return numbers.has_value() ? sizeof(int64_t) * numbers->size() : 0;
}

size_t SizeOfFields(const Message& message) {
  return std::apply([](const auto&... field) { return (SizeOf(field) + ...); },
                    Fields(message));
}

}  // namespace

bool operator==(const Message& a, const Message& b) {
  const Message* left = &a;
  const Message* right = &b;
  while (left != nullptr && right != nullptr) {
    if (left == right) return true;
    if (Fields(*left) != Fields(*right)) return false;
    left = left->previous_message.get();
    right = right->previous_message.get();
  }
  return left == right;
}

size_t ContentSize(const Message& message) {
  size_t size = SizeOfFields(message) - SizeOf(message.to_node) -
                SizeOf(message.to_nodes) - SizeOf(message.from_node) -
                SizeOf(message.arg_signature);
  for (const Message* previous = message.previous_message.get();
       previous != nullptr; previous = previous->previous_message.get()) {
    size += SizeOfFields(*previous);
  }
  return size;
}

}  // namespace weir::steward
