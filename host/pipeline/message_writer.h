#ifndef WEIR_HOST_PIPELINE_MESSAGE_WRITER_H_
#define WEIR_HOST_PIPELINE_MESSAGE_WRITER_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "host/pipeline/message.h"
#include "host/pipeline/message_batch.h"
#include "host/pipeline/receipt.h"
#include "host/pipeline/slab_pool.h"
#include "weir/plugin_abi.h"

namespace weir {

// Writes messages into slabs and makes batches of them. A decoder calls
//
//   Begin  (Reserve  Commit | Abandon)*  Finish
//
// Small batches share a slab, so a quiet source does not pin a slab for each of
// its messages. Not thread-safe: each decode stage has its own.
class MessageWriter {
 public:
  // Readable bytes behind each payload, as simdjson wants them.
  static constexpr size_t kPadding = 64;

  // Room for one message, all in one block.
  struct Room {
    Message* message;    // Zeroed; view.base, base_len and fields are set.
    weir_field* fields;  // For as many as were asked for.
    uint8_t* extra;      // Aligned to 8; for what the decoder makes.
    size_t extra_bytes;
  };

  // `pool` must outlive the writer and every batch.
  explicit MessageWriter(SlabPool& pool) : pool_(pool) {}
  ~MessageWriter();

  MessageWriter(const MessageWriter&) = delete;
  MessageWriter& operator=(const MessageWriter&) = delete;

  // Starts a batch that completes `receipt`.
  void Begin(Receipt receipt);

  // Makes room for a message with a copy of `payload`, up to `max_fields`
  // fields and `extra_bytes` of decoded data behind the payload. Valid until
  // Commit or Abandon. What is not used is given back by Commit, so ask for the
  // worst case.
  //
  // If `payload` is that of the message committed last, it is not copied: both
  // messages then show the same bytes, and what the decoder makes lies behind
  // them as ever. So a raw message costs no second copy of its payload.
  Room Reserve(absl::string_view payload, size_t max_fields,
               size_t extra_bytes);

  // Appends the reserved message to the batch, with the first `n_fields` of its
  // fields and the first `extra_used` bytes of its extra data. Sets n_fields,
  // data_len, struct_size and the links; the decoder sets the rest of view.
  void Commit(size_t n_fields, size_t extra_used);

  // Gives the reserved room back: the payload was no message.
  void Abandon() { room_ = {}; }

  // The message that was committed last; null if there is none in the batch.
  const Message* last() const { return batch_->last_; }

  // Calls `f(Message&)` for each message of the batch, in order: the last
  // chance to set what the decoder does not know.
  template <typename F>
  void ForEach(F f) {
    ForEachAfter(nullptr, f);
  }
  // The same for those behind `message`, which is in the batch, or null.
  template <typename F>
  void ForEachAfter(const Message* message, F f) {
    // The messages lie in slabs that nobody else sees before Finish.
    for (const Message* one = message == nullptr ? batch_->first_
                                                 : message->next;
         one != nullptr; one = one->next) {
      f(const_cast<Message&>(*one));
    }
  }

  // Ends the batch. An empty batch is completed at once, and the result is
  // empty.
  MessageBatchRef Finish();

 private:
  // Whether `payload` is that of the last message, in the slab being written.
  bool SharesSlab(absl::string_view payload) const;

  SlabPool& pool_;
  Slab* slab_ = nullptr;           // The one that is being written; held.
  MessageBatch* batch_ = nullptr;  // Between Begin and Finish.
  Room room_ = {};
};

}  // namespace weir

#endif  // WEIR_HOST_PIPELINE_MESSAGE_WRITER_H_
