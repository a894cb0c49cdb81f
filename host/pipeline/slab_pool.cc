#include "host/pipeline/slab_pool.h"

#include <sanitizer/asan_interface.h>

#include <algorithm>
#include <new>

namespace weir {
namespace {

constexpr std::align_val_t kAlignment{64};  // A cache line.

Slab* Pop(std::vector<Slab*>& slabs) {
  Slab* const slab = slabs.back();
  slabs.pop_back();
  return slab;
}

}  // namespace

SlabPool::~SlabPool() {
  for (Slab* slab : free_) Free(slab);
  for (Slab* slab : free_in_arena_) Free(slab);
}

Slab* SlabPool::Take(size_t min_bytes) {
  Slab* slab = min_bytes <= kSlabBytes ? TakeFree() : nullptr;
  if (slab == nullptr) slab = Make(std::max(min_bytes, kSlabBytes));
  // A free one is poisoned, as a freed one of the heap is: AddressSanitizer
  // sees who still reads it.
  if (slab->in_arena) ASAN_UNPOISON_MEMORY_REGION(slab->data, slab->capacity);
  slab->used = 0;
  slab->holders.store(1, std::memory_order_relaxed);
  held_bytes_.fetch_add(slab->capacity, std::memory_order_relaxed);
  return slab;
}

// Returns the one that was let go of last, which may still be in a cache; null
// if there is none, or if the arena has a fresh block, which saves every child
// a copy.
Slab* SlabPool::TakeFree() {
  MutexLock lock(&mu_);
  if (!free_in_arena_.empty()) return Pop(free_in_arena_);
  if (arena_ != nullptr && arena_->has_room()) return nullptr;
  return free_.empty() ? nullptr : Pop(free_);
}

Slab* SlabPool::Make(size_t capacity) {
  auto* const slab = new Slab;
  slab->capacity = capacity;
  slab->pool = this;
  if (arena_ != nullptr && capacity == kSlabBytes) slab->data = arena_->Take();
  slab->in_arena = slab->data != nullptr;
  if (!slab->in_arena) {
    slab->data = static_cast<uint8_t*>(::operator new(capacity, kAlignment));
  }
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
  if (slab->in_arena) {
    ASAN_POISON_MEMORY_REGION(slab->data, slab->capacity);
    MutexLock lock(&mu_);
    free_in_arena_.push_back(slab);
    return;
  }
  if (slab->capacity == kSlabBytes) {
    MutexLock lock(&mu_);
    if (free_.size() + free_in_arena_.size() < kMaxFree) {
      free_.push_back(slab);
      return;
    }
  }
  Free(slab);
}

void SlabPool::Free(Slab* slab) {
  if (slab->in_arena) {
    ASAN_UNPOISON_MEMORY_REGION(slab->data, slab->capacity);
  } else {
    ::operator delete(slab->data, kAlignment);
  }
  delete slab;
}

}  // namespace weir
