#ifndef WEIR_HOST_BROKER_MEMORY_LOG_H_
#define WEIR_HOST_BROKER_MEMORY_LOG_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "host/broker/chunk.h"
#include "host/broker/log_source.h"
#include "host/broker/writable_log.h"
#include "host/pipeline/event.h"
#include "host/pipeline/event_codec.h"
#include "host/sync/clock.h"
#include "host/sync/mutex.h"

namespace weir {

// How much the ring keeps, whichever is reached first. The defaults are those
// of weir.v1.BrokerConfig.
struct MemoryLogOptions {
  size_t ring_bytes = 64 << 20;  // Memory, not only the serialized events.
  absl::Duration ring_age = absl::Minutes(10);
  uint64_t ring_events = 131072;
  // A chunk is sealed at so many events or bytes. Smaller ones only for tests.
  uint32_t chunk_events = Chunk::kMaxEvents;
  size_t chunk_bytes = 64 << 10;
};

// Where a ring goes on.
struct MemoryLogStart {
  std::string epoch;
  uint64_t last = 0;  // The last number that was given.
  absl::Time last_time = absl::InfinitePast();
  // Events are held back until Release or Show; see there.
  bool held = false;
};

// The ring: a log in memory. Numbers events one by one, without a hole, and
// makes each visible at once, or when Release or Show says so; forgets the
// oldest, a chunk at a time, but none that is held back or not released yet.
// Thread-safe.
//
// Append times are the wall clock's, but never go back, so that a position can
// be found by time; the age of an event is told by the monotonic clock.
class MemoryLog final : public WritableLog {
 public:
  // `codec` and `clock` must outlive the log.
  MemoryLog(const MemoryLogOptions& options, MemoryLogStart start,
            const EventCodec& codec, const Clock& clock);

  void SetListener(OnVisible on_visible) override {
    on_visible_ = std::move(on_visible);
  }
  absl::StatusOr<uint64_t> Append(Event event) override
      ABSL_LOCKS_EXCLUDED(append_mu_);
  absl::StatusOr<uint64_t> AppendAll(std::vector<Event> events) override
      ABSL_LOCKS_EXCLUDED(append_mu_);
  void EvictOld() override ABSL_LOCKS_EXCLUDED(append_mu_);

  // A run of events in a chunk, kept alive by it: [begin, end).
  struct Slice {
    std::shared_ptr<const Chunk> chunk;
    uint32_t begin = 0, end = 0;
    uint64_t first() const { return chunk->first() + begin; }
    uint64_t last() const { return chunk->first() + end - 1; }
  };
  // Returns the events after `after` that the ring has, visible or not, in
  // order: `max_slices` runs, each of a chunk; fewer, or more if it must be, so
  // that nothing is torn apart that was appended together.
  std::vector<Slice> After(uint64_t after, size_t max_slices) const
      ABSL_LOCKS_EXCLUDED(mu_);

  // What became visible by a call, of which the listener is not told: how many,
  // and when the oldest of them was appended.
  struct Shown {
    uint64_t n = 0;
    int64_t append_ns = 0;
  };
  // Everything up to `seq` is kept elsewhere as well: makes it visible, and it
  // may be forgotten. It stays so.
  Shown Release(uint64_t seq) ABSL_LOCKS_EXCLUDED(append_mu_);
  // Makes everything up to `seq` visible though it is held back, also what is
  // yet to come; of what was appended together all or, if it ends behind `seq`,
  // nothing. It stays so.
  Shown Show(uint64_t seq) ABSL_LOCKS_EXCLUDED(append_mu_);
  // Whether events that are appended from now on are held back; if not, all
  // that were are visible.
  Shown Hold(bool held) ABSL_LOCKS_EXCLUDED(append_mu_);
  // Nothing is appended any more when this returns: Append returns Closed.
  void Seal() ABSL_LOCKS_EXCLUDED(append_mu_);
  // Unavailable / SERVER_DRAINING.
  static absl::Status Closed();
  // The last number that was given.
  uint64_t appended() const ABSL_LOCKS_EXCLUDED(mu_);

  const std::string& epoch() const override { return start_.epoch; }
  LogBounds bounds() const override ABSL_LOCKS_EXCLUDED(mu_);
  View Find(uint64_t seq) const override ABSL_LOCKS_EXCLUDED(mu_);
  std::optional<uint64_t> FirstAtOrAfter(absl::Time time) const override
      ABSL_LOCKS_EXCLUDED(mu_);

  Retention retention() const override {
    return {options_.ring_age, options_.ring_bytes};
  }
  uint64_t appended_events() const override { return appended() - start_.last; }
  uint64_t appended_bytes() const override ABSL_LOCKS_EXCLUDED(mu_);
  // What the ring holds now.
  size_t memory_bytes() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  using Chunks = std::deque<std::shared_ptr<Chunk>>;
  // Numbers of events that were appended together, both ends included.
  struct Together {
    uint64_t first = 0, last = 0;
  };

  absl::StatusOr<uint64_t> AppendSome(Event* events, size_t n)
      ABSL_LOCKS_EXCLUDED(append_mu_);
  // Returns the number of the first of the `n` events.
  absl::StatusOr<uint64_t> AppendLocked(
      Event* events, size_t n, int64_t now_ns,
      std::vector<std::shared_ptr<Chunk>>* evicted)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(append_mu_) ABSL_LOCKS_EXCLUDED(mu_);
  // Writes the events into scratch_, one behind the other, and where each ends
  // into ends_.
  absl::Status SerializeLocked(const Event* events, size_t n, absl::Time time)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(append_mu_);
  // Where a run that would end at `last` may end instead, if it begins after
  // `after`: a little earlier or, if that is nowhere, later.
  uint64_t WholeEndLocked(uint64_t after, uint64_t last) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Takes the oldest chunks out as long as there is too much. The caller
  // destroys them, without a lock.
  std::vector<std::shared_ptr<Chunk>> EvictLocked(int64_t now_ns)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Makes everything up to `seq` visible.
  Shown ShowLocked(uint64_t seq) ABSL_EXCLUSIVE_LOCKS_REQUIRED(append_mu_, mu_);
  uint64_t EarliestLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The end of chunk `i`: where the next begins, or will.
  uint64_t EndLocked(size_t i) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // How many events of chunk `i` are visible.
  uint32_t VisibleLocked(size_t i) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // How many chunks have a visible event: all but perhaps the newest.
  size_t VisibleChunksLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const MemoryLogOptions options_;
  const MemoryLogStart start_;
  OnVisible on_visible_;
  const EventCodec& codec_;
  const Clock& clock_;

  // Held by whoever appends: makes it one writer. Always taken before mu_.
  Mutex append_mu_;
  uint64_t last_seq_ ABSL_GUARDED_BY(append_mu_);
  absl::Time last_time_ ABSL_GUARDED_BY(append_mu_);
  std::string scratch_ ABSL_GUARDED_BY(append_mu_);
  std::vector<size_t> ends_ ABSL_GUARDED_BY(append_mu_);
  bool sealed_ ABSL_GUARDED_BY(append_mu_) = false;
  std::shared_ptr<Chunk> tail_ ABSL_GUARDED_BY(append_mu_);  // Null = sealed.

  // Held briefly; what it guards says what readers may look at.
  mutable Mutex mu_;
  Chunks chunks_ ABSL_GUARDED_BY(mu_);  // Oldest first, without a hole.
  // Of what may not be in the journal yet, in order.
  std::deque<Together> together_ ABSL_GUARDED_BY(mu_);
  bool held_ ABSL_GUARDED_BY(mu_);
  uint64_t released_ ABSL_GUARDED_BY(mu_);   // What Release said,
  uint64_t shown_ ABSL_GUARDED_BY(mu_) = 0;  // and Show: may be > appended_.
  uint64_t appended_ ABSL_GUARDED_BY(mu_);
  uint64_t visible_ ABSL_GUARDED_BY(mu_);  // <= appended_
  size_t memory_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t appended_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Time gone_time_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
};

}  // namespace weir

#endif  // WEIR_HOST_BROKER_MEMORY_LOG_H_
