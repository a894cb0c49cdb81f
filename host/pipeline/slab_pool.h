#ifndef WEIR_HOST_PIPELINE_SLAB_POOL_H_
#define WEIR_HOST_PIPELINE_SLAB_POOL_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "host/pipeline/shared_arena.h"
#include "host/sync/mutex.h"

namespace weir {

class SlabPool;

// A piece of memory that messages are written into one after the other, and
// that goes back to its pool when the last batch in it is done. Made by
// SlabPool.
struct Slab {
  uint8_t* data = nullptr;  // Aligned for everything a message holds.
  size_t capacity = 0;      // Bytes.
  bool in_arena = false;
  size_t used = 0;  // Bytes; only its writer touches it.
  std::atomic<uint32_t> holders{0};
  SlabPool* pool = nullptr;
};

// Lends slabs, so that no message costs an allocation. They lie in a shared
// arena while there is room, so that handlers in child processes read them
// there, and in the heap else. Thread-safe; must outlive every batch made from
// it.
class SlabPool {
 public:
  // Large enough that the end of a slab which does not fit the next message is
  // lost memory of about a percent; small enough to stay in a second-level
  // cache.
  static constexpr size_t kSlabBytes = SharedArena::kBlockBytes;

  // Free slabs kept for later; slabs of the heap beyond that go back to the
  // system. 64 slabs are 16 MiB: what a queue of 16,384 messages of 600 bytes
  // needs with fields.
  static constexpr size_t kMaxFree = 64;

  // `arena` must outlive the pool, which is its only user; null: all slabs are
  // of the heap.
  explicit SlabPool(SharedArena* arena = nullptr) : arena_(arena) {}
  ~SlabPool();

  SlabPool(const SlabPool&) = delete;
  SlabPool& operator=(const SlabPool&) = delete;

  // Returns an empty slab of at least `min_bytes` with one holder, the caller.
  // One larger than kSlabBytes is of the heap.
  Slab* Take(size_t min_bytes) ABSL_LOCKS_EXCLUDED(mu_);

  // Adds a holder.
  static void Hold(Slab* slab) {
    slab->holders.fetch_add(1, std::memory_order_relaxed);
  }

  // Ends one hold; the last one gives the slab back.
  static void LetGo(Slab* slab);

  // Bytes of all slabs that somebody holds: the payload that waits in queues,
  // and what shares its slabs.
  size_t held_bytes() const {
    return held_bytes_.load(std::memory_order_relaxed);
  }

 private:
  Slab* TakeFree() ABSL_LOCKS_EXCLUDED(mu_);
  Slab* Make(size_t capacity);
  void Return(Slab* slab) ABSL_LOCKS_EXCLUDED(mu_);
  static void Free(Slab* slab);

  SharedArena* const arena_;
  std::atomic<size_t> held_bytes_{0};
  Mutex mu_;
  std::vector<Slab*> free_ ABSL_GUARDED_BY(mu_);  // Of the heap.
  std::vector<Slab*> free_in_arena_ ABSL_GUARDED_BY(mu_);
};

}  // namespace weir

#endif  // WEIR_HOST_PIPELINE_SLAB_POOL_H_
