#include "host/pipeline/message_copy.h"

#include <algorithm>

namespace weir {

MessageCopy CopyMessage(const Message& message) {
  const weir_msg& view = message.view;
  MessageCopy copy;
  copy.type_id = view.type_id;
  copy.flags = view.flags;
  copy.seq = view.seq;
  copy.ts_ns = view.ts_ns;
  copy.recv_ns = view.recv_ns;
  copy.source_id = view.source_id;
  copy.trace_hi = view.trace_hi;
  copy.trace_lo = view.trace_lo;
  copy.payload_bytes = view.base_len;
  const size_t bytes = std::max(view.base_len, view.data_len);
  copy.whole =
      bytes + view.n_fields * sizeof(weir_field) <= MessageCopy::kMaxBytes;
  const size_t kept =
      copy.whole ? bytes
                 : std::min<size_t>(view.base_len, MessageCopy::kCutPayload);
  if (kept > 0) {
    copy.bytes.assign(reinterpret_cast<const char*>(view.base), kept);
  }
  if (copy.whole && view.n_fields > 0) {
    copy.fields.assign(view.fields, view.fields + view.n_fields);
  }
  return copy;
}

Message ViewOf(const MessageCopy& copy) {
  Message message = {};
  weir_msg& view = message.view;
  view.struct_size = sizeof(weir_msg);
  view.type_id = copy.type_id;
  view.flags = copy.flags;
  view.seq = copy.seq;
  view.ts_ns = copy.ts_ns;
  view.recv_ns = copy.recv_ns;
  view.base = reinterpret_cast<const uint8_t*>(copy.bytes.data());
  view.base_len = static_cast<uint32_t>(copy.payload_bytes);
  view.n_fields = static_cast<uint32_t>(copy.fields.size());
  view.fields = copy.fields.data();
  view.trace_hi = copy.trace_hi;
  view.trace_lo = copy.trace_lo;
  view.data_len = static_cast<uint32_t>(copy.bytes.size());
  view.source_id = copy.source_id;
  return message;
}

}  // namespace weir
