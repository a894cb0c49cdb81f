#ifndef WEIR_LIB_STEWARD_VISIT_FIELDS_H_
#define WEIR_LIB_STEWARD_VISIT_FIELDS_H_

#include "lib/steward/layout.h"

namespace weir::steward {

// The one table of which layout has which field at which place: calls
// `visitor.Text|Texts|Int|Ints|Bool|Bytes|Data|Previous(name, field)` for each
// field of `message` in the order of the array, until a call returns false.
// Returns whether none did. The names are those of the JSON form.
//
// `M` is Message or const Message.
template <typename M, typename Visitor>
bool VisitFields(Layout layout, M& message, Visitor& visitor) {
  M& m = message;
  Visitor& v = visitor;
  const bool s0 = layout == Layout::kS0;
  const bool jetstream =
      layout == Layout::kC2 || layout == Layout::kC3 || layout == Layout::kC4;
  const bool shell = layout == Layout::kC3 || layout == Layout::kC4;
  const bool instructions = layout == Layout::kC4;

  return v.Text("toNode", m.to_node) && v.Texts("toNodes", m.to_nodes) &&
         (!jetstream || v.Text("jetstreamToNode", m.jetstream_to_node)) &&
         v.Int("id", m.id) && v.Data("data", m.data) &&
         v.Text("method", m.method) && v.Texts("methodArgs", m.method_args) &&
         (s0 || v.Bytes("argSignature", m.arg_signature)) &&
         v.Text("replyMethod", m.reply_method) &&
         v.Texts("replyMethodArgs", m.reply_method_args) &&
         v.Bool("isReply", m.is_reply) && v.Text("fromNode", m.from_node) &&
         v.Int("ACKTimeout", m.ack_timeout) &&
         (s0 || (v.Int("retryWait", m.retry_wait) &&
                 v.Bool("isSubPublishedMsg", m.is_sub_published_msg))) &&
         v.Int("retries", m.retries) &&
         v.Int("replyACKTimeout", m.reply_ack_timeout) &&
         v.Int("replyRetries", m.reply_retries) &&
         v.Int("methodTimeout", m.method_timeout) &&
         v.Int("replyMethodTimeout", m.reply_method_timeout) &&
         v.Text("directory", m.directory) && v.Text("fileName", m.file_name) &&
         v.Previous("PreviousMessage", m.previous_message) &&
         (!s0 || (v.Text("relayViaNode", m.relay_via_node) &&
                  v.Text("relayOriginalViaNode", m.relay_original_via_node) &&
                  v.Text("relayFromNode", m.relay_from_node) &&
                  v.Text("relayToNode", m.relay_to_node) &&
                  v.Text("relayOriginalMethod", m.relay_original_method) &&
                  v.Text("relayReplyMethod", m.relay_reply_method))) &&
         (s0 || v.Ints("schedule", m.schedule)) &&
         (!shell || v.Bool("useDetectedShell", m.use_detected_shell)) &&
         (!instructions ||
          (v.Texts("methodInstructions", m.method_instructions) &&
           v.Texts("replyMethodInstructions", m.reply_method_instructions)));
}

}  // namespace weir::steward

#endif  // WEIR_LIB_STEWARD_VISIT_FIELDS_H_
