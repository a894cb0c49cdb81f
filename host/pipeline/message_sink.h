#ifndef WEIR_HOST_PIPELINE_MESSAGE_SINK_H_
#define WEIR_HOST_PIPELINE_MESSAGE_SINK_H_

#include <cstdint>

#include "host/pipeline/message_batch.h"

namespace weir {

// The seam between understanding and handing out: decode stages put batches in,
// the Dispatcher takes them.
//
// Implementations are thread-safe: each source calls from a thread of its own.
class MessageSink {
 public:
  virtual ~MessageSink() = default;

  // Gives each message of `batch` to every handler that wants its type and
  // takes messages of its source. Blocks while a handler with the policy
  // `block` is full.
  //
  // Messages of the type RAW go only to handlers that want it and are in nobody
  // else's books: they repeat what the decoded messages say.
  virtual void Dispatch(MessageBatchRef batch) = 0;

  // Whether any handler wants, or has not said that it does not want, messages
  // of `type_id`. What nobody wants need not be made; only RAW is worth asking
  // for. May lag behind a handler that comes or goes by one batch.
  virtual bool Wanted(uint16_t type_id) const = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_PIPELINE_MESSAGE_SINK_H_
