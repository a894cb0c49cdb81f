#include "host/pipeline/slab_pool.h"

#include <algorithm>
#include <new>

namespace weir {
namespace {

constexpr std::align_val_t kAlignment{64};  // A cache line.

}  // namespace

SlabPool::~SlabPool() {
  for (Slab* slab : free_) Free(slab);
}

Slab* SlabPool::Take(size_t min_bytes) {
  Slab* slab = nullptr;
  if (min_bytes <= kSlabBytes) {
    MutexLock lock(&mu_);
    if (!free_.empty()) {
      slab = free_.back();
      free_.pop_back();
    }
  }
  if (slab == nullptr) {
    slab = new Slab;
    slab->capacity = std::max(min_bytes, kSlabBytes);
    slab->data =
        static_cast<uint8_t*>(::operator new(slab->capacity, kAlignment));
    slab->pool = this;
  }
  slab->used = 0;
  slab->holders.store(1, std::memory_order_relaxed);
  held_bytes_.fetch_add(slab->capacity, std::memory_order_relaxed);
  return slab;
}

void SlabPool::LetGo(Slab* slab) {
  // Release what this holder did to the memory; the last one acquires it all.
  if (slab->holders.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    slab->pool->Return(slab);
  }
}

void SlabPool::Return(Slab* slab) {
  held_bytes_.fetch_sub(slab->capacity, std::memory_order_relaxed);
  if (slab->capacity == kSlabBytes) {
    MutexLock lock(&mu_);
    if (free_.size() < kMaxFree) {
      free_.push_back(slab);
      return;
    }
  }
  Free(slab);
}

void SlabPool::Free(Slab* slab) {
  ::operator delete(slab->data, kAlignment);
  delete slab;
}

}  // namespace weir
