#ifndef WEIR_HOST_PIPELINE_MESSAGE_COPY_H_
#define WEIR_HOST_PIPELINE_MESSAGE_COPY_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "host/pipeline/message.h"
#include "weir/plugin_abi.h"

namespace weir {

// A message that outlives its batch, with all that a handler may look at: for
// what is kept of a message that did harm, and to hand it out once more. A
// value.
struct MessageCopy {
  // A message with more than this, payload and decoded data together, is kept
  // without what was decoded of it, and its payload is cut to kCutPayload. Far
  // above any BGP message (65,535 bytes with RFC 8654) as JSON and decoded.
  static constexpr size_t kMaxBytes = 256 << 10;
  static constexpr size_t kCutPayload = 64 << 10;

  // As of weir_msg.
  uint16_t type_id = 0, flags = 0;
  uint64_t seq = 0;
  int64_t ts_ns = 0, recv_ns = 0;
  uint32_t source_id = 0;
  uint64_t trace_hi = 0, trace_lo = 0;

  uint64_t payload_bytes = 0;  // Full size.
  bool whole = true;           // Else it was cut, and cannot be handed out.
  std::vector<weir_field> fields;
  std::string bytes;  // From weir_msg.base on: the payload, what was decoded.

  // What there is of it.
  absl::string_view payload() const {
    return absl::string_view(bytes).substr(0, payload_bytes);
  }
};

// Copies `message`, which somebody holds meanwhile.
MessageCopy CopyMessage(const Message& message);

// The message again, alone, in no batch. It points into `copy`, which is whole
// and must outlive it.
Message ViewOf(const MessageCopy& copy);

}  // namespace weir

#endif  // WEIR_HOST_PIPELINE_MESSAGE_COPY_H_
