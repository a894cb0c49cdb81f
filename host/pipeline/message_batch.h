#ifndef WEIR_HOST_PIPELINE_MESSAGE_BATCH_H_
#define WEIR_HOST_PIPELINE_MESSAGE_BATCH_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "host/pipeline/message.h"
#include "host/pipeline/receipt.h"
#include "host/pipeline/slab_pool.h"

namespace weir {

// Messages that arrived together and are completed together.
//
// A batch counts its holders: one for each message in each queue, and one for
// each MessageBatchRef. When the last one lets go, the receipt is completed,
// with the worst that anybody said of it, and the memory goes back to its pool.
// Holding and letting go is counted per run of messages, not per message, so
// that it costs one atomic operation per queue and batch.
//
// Holding is thread-safe; what is in the batch is immutable.
class MessageBatch {
 public:
  MessageBatch(const MessageBatch&) = delete;
  MessageBatch& operator=(const MessageBatch&) = delete;

  // The messages in order, linked by Message::next; null if there are none.
  const Message* first() const { return first_; }
  size_t size() const { return size_; }

  // Adds `n` holders. Only a holder may call it.
  void Hold(uint32_t n) { holders_.fetch_add(n, std::memory_order_relaxed); }

  // Ends `n` holds. The batch may be gone afterwards. May run the receipt,
  // which is somebody else's code: never call it with a lock held.
  void LetGo(uint32_t n);

  // Says that a handler did not get one of the messages. Only a holder may call
  // it, before it lets go.
  void MarkLost() { lost_.store(true, std::memory_order_relaxed); }

  // Says that a handler got one of the messages, and that it failed. Only a
  // holder may call them, before it lets go.
  void MarkHandled() { handled_.store(true, std::memory_order_relaxed); }
  void MarkFailed() { failed_.store(true, std::memory_order_relaxed); }

  // Says that the memory must stay for ever, because a handler that hangs and
  // was abandoned may still read it. The receipt is completed all the same.
  // Only a holder may call it, before it lets go in the handler's place.
  void KeepMemory() { keep_memory_.store(true, std::memory_order_relaxed); }

 private:
  friend class MessageWriter;

  MessageBatch() = default;
  ~MessageBatch() = default;

  Outcome outcome() const {
    if (lost_.load(std::memory_order_relaxed)) return Outcome::kSomeLost;
    if (failed_.load(std::memory_order_relaxed)) return Outcome::kSomeFailed;
    return size_ > 0 && !handled_.load(std::memory_order_relaxed)
               ? Outcome::kUnwanted
               : Outcome::kAllProcessed;
  }

  std::atomic<uint32_t> holders_{1};
  std::atomic<bool> handled_{false};
  std::atomic<bool> lost_{false};
  std::atomic<bool> failed_{false};
  std::atomic<bool> keep_memory_{false};
  const Message* first_ = nullptr;
  Message* last_ = nullptr;
  size_t size_ = 0;
  std::vector<Slab*> slabs_;
  Receipt receipt_;
};

// Says of a message's batch that a handler failed. A message that is tried
// alone has none.
inline void MarkFailed(const Message& message) {
  if (message.batch != nullptr) message.batch->MarkFailed();
}

// Holds a batch, for as long as it lives.
class MessageBatchRef {
 public:
  MessageBatchRef() = default;
  // Takes over one hold of the caller's.
  explicit MessageBatchRef(MessageBatch* batch) : batch_(batch) {}
  MessageBatchRef(MessageBatchRef&& other) noexcept
      : batch_(std::exchange(other.batch_, nullptr)) {}
  MessageBatchRef& operator=(MessageBatchRef&& other) noexcept {
    std::swap(batch_, other.batch_);
    return *this;
  }
  ~MessageBatchRef() {
    if (batch_ != nullptr) batch_->LetGo(1);
  }

  MessageBatch* get() const { return batch_; }
  MessageBatch* operator->() const { return batch_; }
  explicit operator bool() const { return batch_ != nullptr; }

 private:
  MessageBatch* batch_ = nullptr;
};

}  // namespace weir

#endif  // WEIR_HOST_PIPELINE_MESSAGE_BATCH_H_
