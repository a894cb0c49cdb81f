#ifndef WEIR_HOST_BROKER_MEMORY_LOG_H_
#define WEIR_HOST_BROKER_MEMORY_LOG_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "host/broker/chunk.h"
#include "host/broker/log_source.h"
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

// The ring: a log in memory. Numbers events from 1 on, without a hole, and
// makes each visible at once; forgets the oldest, a chunk at a time.
// Thread-safe.
//
// Append times are the wall clock's, but never go back, so that a position can
// be found by time; the age of an event is told by the monotonic clock.
class MemoryLog final : public LogSource {
 public:
  // `codec` and `clock` must outlive the log.
  MemoryLog(const MemoryLogOptions& options, std::string epoch,
            const EventCodec& codec, const Clock& clock);

  // Appends `event`, which must have passed CheckEvent, and returns its number.
  //
  // Returns ResourceExhausted / EVENT_TOO_LARGE {size, limit} for one of more
  // than kMaxEventBytes serialized; no number is used up then.
  absl::StatusOr<uint64_t> Append(Event event) ABSL_LOCKS_EXCLUDED(append_mu_);

  // Forgets what is too old. Append forgets what is too much.
  void EvictOld() ABSL_LOCKS_EXCLUDED(append_mu_);

  const std::string& epoch() const override { return epoch_; }
  LogBounds bounds() const override ABSL_LOCKS_EXCLUDED(mu_);
  View Find(uint64_t seq) const override ABSL_LOCKS_EXCLUDED(mu_);
  uint64_t FirstAtOrAfter(absl::Time time) const override
      ABSL_LOCKS_EXCLUDED(mu_);

  // Everything ever appended, as serialized.
  uint64_t appended_bytes() const ABSL_LOCKS_EXCLUDED(mu_);
  // What the ring holds now.
  size_t memory_bytes() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  using Chunks = std::deque<std::shared_ptr<Chunk>>;

  // Takes the oldest chunks out as long as there is too much. The caller
  // destroys them, without a lock.
  std::vector<std::shared_ptr<Chunk>> EvictLocked(int64_t now_ns)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  uint64_t EarliestLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  uint32_t VisibleLocked(const Chunk& chunk) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const MemoryLogOptions options_;
  const std::string epoch_;
  const EventCodec& codec_;
  const Clock& clock_;

  // Held by whoever appends: makes it one writer. Always taken before mu_.
  Mutex append_mu_;
  uint64_t last_seq_ ABSL_GUARDED_BY(append_mu_) = 0;
  absl::Time last_time_ ABSL_GUARDED_BY(append_mu_) = absl::InfinitePast();
  std::string scratch_ ABSL_GUARDED_BY(append_mu_);
  std::shared_ptr<Chunk> tail_ ABSL_GUARDED_BY(append_mu_);  // Null = sealed.

  // Held briefly; what it guards says what readers may look at.
  mutable Mutex mu_;
  Chunks chunks_ ABSL_GUARDED_BY(mu_);  // Oldest first, without a hole.
  uint64_t visible_ ABSL_GUARDED_BY(mu_) = 0;
  size_t memory_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t appended_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Time gone_time_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
};

}  // namespace weir

#endif  // WEIR_HOST_BROKER_MEMORY_LOG_H_
