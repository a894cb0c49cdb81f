#ifndef WEIR_HOST_PIPELINE_MESSAGE_H_
#define WEIR_HOST_PIPELINE_MESSAGE_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "weir/plugin_abi.h"

namespace weir {

class MessageBatch;

// One thing that came in, decoded once. It lies in a slab, as one block
//
//   Message | fields | payload | what the decoder made of it
//
// or, if the raw tap showed the payload first, behind the block of that raw
// message and without a payload of its own: the bytes from view.base on then
// hold the raw message's payload, this message's head and its decoded data.
// It is never changed after it was dispatched, so every handler sees the same
// bytes and none of them needs a copy. It lives as long as its batch is held.
struct Message {
  // What a plugin is shown; see weir/plugin_abi.h. All of its pointers point
  // into the block.
  weir_msg view;
  // The next one of its batch, or null.
  const Message* next;
  // What it came in with, and is completed with.
  MessageBatch* batch;

  absl::string_view payload() const {
    return {reinterpret_cast<const char*>(view.base), view.base_len};
  }
};

}  // namespace weir

#endif  // WEIR_HOST_PIPELINE_MESSAGE_H_
