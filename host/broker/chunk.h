#ifndef WEIR_HOST_BROKER_CHUNK_H_
#define WEIR_HOST_BROKER_CHUNK_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/broker/event_keys.h"
#include "host/broker/event_mask.h"
#include "host/broker/filter.h"
#include "host/broker/regex_scan.h"
#include "host/pipeline/event.h"
#include "host/sync/mutex.h"

namespace weir {

// A run of events with consecutive numbers: their framed bytes in one piece of
// memory, so that a run of them is sent as one piece too, and beside them what
// filters ask.
//
// A chunk is filled by one writer and read by many. All its memory is taken
// when it is made and never moves, and an event never changes once it is in.
// So readers need no lock for the first `n` events if they learned of `n` from
// the writer, under a lock of theirs both; MemoryLog is where that happens.
// Every call with an index has that as its condition.
class Chunk {
 public:
  static constexpr uint32_t kMaxEvents = EventMask::kEvents;

  // For up to `max_events` (at most kMaxEvents) events from number `first` on,
  // in `capacity` bytes.
  Chunk(uint64_t first, uint32_t max_events, size_t capacity);

  Chunk(const Chunk&) = delete;
  Chunk& operator=(const Chunk&) = delete;

  // For the writer. Append needs Fits; times must not go back.
  bool Fits(size_t framed_bytes) const;
  void Append(absl::string_view framed, Event event, absl::Time append_time,
              int64_t append_ns);
  uint32_t size() const { return size_; }

  // For readers of the first `n` events.
  uint64_t first() const { return first_; }
  absl::string_view framed(uint32_t begin, uint32_t end) const {
    return absl::string_view(*bytes_).substr(offsets_[begin],
                                             offsets_[end] - offsets_[begin]);
  }
  const EventKeys& keys(uint32_t i) const { return keys_[i]; }
  absl::Time append_time(uint32_t i) const {
    return absl::FromUnixNanos(append_unix_ns_[i]);
  }
  // By Clock::MonotonicNs.
  int64_t append_ns(uint32_t i) const { return append_ns_[i]; }
  // What framed() lies in.
  std::shared_ptr<const std::string> bytes() const { return bytes_; }

  // Returns which of the events [begin, n) pass `filter`; of others it says
  // nothing. Remembers it for the filters that were asked for last. `scans` are
  // those of this chunk. Thread-safe.
  EventMask Match(const FilterClass& filter, uint32_t begin, uint32_t n,
                  const ChunkScans& scans) const ABSL_LOCKS_EXCLUDED(mu_);

  // Everything this holds, from the start, and what the events brought along.
  size_t memory_bytes() const { return memory_bytes_; }

 private:
  // Enough for the filters of a busy host; more are computed again.
  static constexpr size_t kCachedMasks = 64;
  struct CachedMask {
    uint64_t filter_id = 0;
    EventMask known, passed;
  };

  CachedMask Cached(uint64_t filter_id) const ABSL_LOCKS_EXCLUDED(mu_);
  void Cache(const CachedMask& mask) const ABSL_LOCKS_EXCLUDED(mu_);

  const uint64_t first_;
  const uint32_t max_events_;
  const std::shared_ptr<std::string> bytes_;
  const std::unique_ptr<uint32_t[]> offsets_;  // max_events_ + 1
  const std::unique_ptr<EventKeys[]> keys_;
  const std::unique_ptr<int64_t[]> append_unix_ns_;
  const std::unique_ptr<int64_t[]> append_ns_;

  // The writer's.
  uint32_t size_ = 0;
  size_t memory_bytes_;
  std::deque<std::string> other_json_;  // What the bytes do not contain.

  mutable Mutex mu_;
  mutable std::vector<CachedMask> masks_ ABSL_GUARDED_BY(mu_);  // Newest last.
};

}  // namespace weir

#endif  // WEIR_HOST_BROKER_CHUNK_H_
