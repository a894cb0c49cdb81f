#ifndef WEIR_HOST_PIPELINE_SHARED_ARENA_H_
#define WEIR_HOST_PIPELINE_SHARED_ARENA_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "host/sync/mutex.h"

namespace weir {

// Memory for messages that handlers in other processes can read where it lies,
// so that handing one over needs no copy.
//
// It is a memory file, mapped writable once, here, and sealed afterwards: who
// has its descriptor can map it read-only, and can neither write it nor cut it
// short, which would kill us with SIGBUS. The seal against writing also forbids
// to give single pages back to the system, so what was touched once stays.
// That is why it is small, and why blocks are handed out from the beginning:
// what a burst needs beyond it lies in the heap, and is copied.
//
// Thread-safe. Must outlive whoever uses one of its blocks, and every child
// that reads it.
class SharedArena {
 public:
  // One slab of messages; see SlabPool::kSlabBytes.
  static constexpr size_t kBlockBytes = 256 * 1024;

  // 128 blocks, or some 30,000 messages of RIS Live: seven seconds of the feed.
  // An idle host may be left with that much, beside some 20 MiB of its own.
  static constexpr size_t kDefaultBytes = size_t{32} << 20;

  // Makes an arena of `bytes`, rounded up to whole blocks; no memory is used
  // until it is touched. Returns Unavailable, with the system's reason, if
  // there is no memory file to be had; a host does well without.
  static absl::StatusOr<std::unique_ptr<SharedArena>> Create(
      size_t bytes = kDefaultBytes);

  ~SharedArena();

  SharedArena(const SharedArena&) = delete;
  SharedArena& operator=(const SharedArena&) = delete;

  // Returns a block of kBlockBytes that nobody was given before, aligned to
  // pages; null if there is none left. Blocks are not given back: whoever takes
  // them keeps them for later.
  uint8_t* Take() ABSL_LOCKS_EXCLUDED(mu_);

  // Whether Take would find one; may change at any moment.
  bool has_room() const ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    return taken_ < size_;
  }

  // Where `bytes` bytes at `data` lie, counted from the begin of the arena;
  // nullopt if they do not lie in it.
  std::optional<uint64_t> OffsetOf(const void* data, size_t bytes) const {
    const auto at = reinterpret_cast<uintptr_t>(data);
    const auto begin = reinterpret_cast<uintptr_t>(base_);
    if (at < begin || at - begin > size_ || bytes > size_ - (at - begin)) {
      return std::nullopt;
    }
    return at - begin;
  }

  // What a child needs to map it: mmap(PROT_READ, MAP_SHARED) of size() bytes.
  int fd() const { return fd_; }
  size_t size() const { return size_; }
  const uint8_t* base() const { return base_; }

 private:
  SharedArena(int fd, uint8_t* base, size_t size)
      : fd_(fd), base_(base), size_(size) {}

  const int fd_;
  uint8_t* const base_;
  const size_t size_;
  mutable Mutex mu_;
  size_t taken_ ABSL_GUARDED_BY(mu_) = 0;  // Bytes.
};

}  // namespace weir

#endif  // WEIR_HOST_PIPELINE_SHARED_ARENA_H_
