#include "host/pipeline/message_batch.h"

namespace weir {

void MessageBatch::LetGo(uint32_t n) {
  // Release what this holder did; the last one acquires it all.
  if (holders_.fetch_sub(n, std::memory_order_acq_rel) != n) return;
  receipt_.Complete(outcome());
  if (keep_memory_.load(std::memory_order_relaxed)) return;
  for (Slab* slab : slabs_) SlabPool::LetGo(slab);
  delete this;
}

}  // namespace weir
