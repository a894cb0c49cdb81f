#include "host/pipeline/message_writer.h"

#include <cassert>
#include <cstring>
#include <utility>

namespace weir {
namespace {

constexpr size_t Aligned(size_t bytes) { return (bytes + 7) & ~size_t{7}; }

}  // namespace

MessageWriter::~MessageWriter() {
  if (batch_ != nullptr) {
    batch_->MarkLost();  // Nobody was given it.
    batch_->LetGo(1);
  }
  if (slab_ != nullptr) SlabPool::LetGo(slab_);
}

void MessageWriter::Begin(Receipt receipt) {
  assert(batch_ == nullptr);
  batch_ = new MessageBatch;
  batch_->receipt_ = std::move(receipt);
}

MessageWriter::Room MessageWriter::Reserve(absl::string_view payload,
                                           size_t max_fields,
                                           size_t extra_bytes) {
  assert(batch_ != nullptr);
  const size_t head = sizeof(Message) + max_fields * sizeof(weir_field);
  const size_t body = Aligned(payload.size() + kPadding);
  const size_t total = head + body + Aligned(extra_bytes);
  if (slab_ == nullptr || slab_->capacity - slab_->used < total) {
    if (slab_ != nullptr) SlabPool::LetGo(slab_);
    slab_ = pool_.Take(total);
  }
  uint8_t* const at = slab_->data + slab_->used;
  room_.message = reinterpret_cast<Message*>(at);
  room_.fields = reinterpret_cast<weir_field*>(at + sizeof(Message));
  *room_.message = {};
  const uint8_t* base = at + head;
  if (SharesSlab(payload)) {
    base = batch_->last_->view.base;
    room_.extra = at + head;
  } else {
    if (!payload.empty()) {
      std::memcpy(at + head, payload.data(), payload.size());
    }
    std::memset(at + head + payload.size(), 0, body - payload.size());
    room_.extra = at + head + body;
  }
  room_.extra_bytes = extra_bytes;
  room_.message->view.base = base;
  room_.message->view.base_len = static_cast<uint32_t>(payload.size());
  room_.message->view.fields = room_.fields;
  return room_;
}

bool MessageWriter::SharesSlab(absl::string_view payload) const {
  const Message* const last = batch_->last_;
  // In another slab, it would lie before or after by more than an offset holds.
  return last != nullptr && payload.data() == last->payload().data() &&
         payload.size() == last->payload().size() &&
         last->view.base >= slab_->data &&
         last->view.base < slab_->data + slab_->used;
}

void MessageWriter::Commit(size_t n_fields, size_t extra_used) {
  assert(room_.message != nullptr && extra_used <= room_.extra_bytes);
  const Room room = std::exchange(room_, {});
  Message& message = *room.message;
  message.view.struct_size = sizeof(weir_msg);
  message.view.n_fields = static_cast<uint32_t>(n_fields);
  message.view.data_len =
      static_cast<uint32_t>(room.extra + extra_used - message.view.base);
  message.batch = batch_;
  slab_->used = Aligned(room.extra + extra_used - slab_->data);
  if (batch_->slabs_.empty() || batch_->slabs_.back() != slab_) {
    SlabPool::Hold(slab_);
    batch_->slabs_.push_back(slab_);
  }
  if (batch_->last_ == nullptr) {
    batch_->first_ = &message;
  } else {
    batch_->last_->next = &message;
  }
  batch_->last_ = &message;
  ++batch_->size_;
}

MessageBatchRef MessageWriter::Finish() {
  MessageBatch* const batch = std::exchange(batch_, nullptr);
  if (batch->size_ > 0) return MessageBatchRef(batch);
  batch->LetGo(1);
  return {};
}

}  // namespace weir
