#include "host/broker/memory_log.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "host/broker/event_check.h"
#include "host/broker/replay_id.h"
#include "host/status/error_info.h"

namespace weir {

MemoryLog::MemoryLog(const MemoryLogOptions& options, std::string epoch,
                     const EventCodec& codec, const Clock& clock)
    : options_(options),
      epoch_(std::move(epoch)),
      codec_(codec),
      clock_(clock) {}

absl::StatusOr<uint64_t> MemoryLog::Append(Event event) {
  std::vector<std::shared_ptr<Chunk>> evicted;  // Dies after the locks.
  MutexLock append_lock(&append_mu_);
  const uint64_t seq = last_seq_ + 1;
  const absl::Time time = std::max(clock_.Now(), last_time_);
  const int64_t now_ns = clock_.MonotonicNs();
  scratch_.clear();
  codec_.AppendFramed(event, FormatReplayId(epoch_, seq), seq, time, &scratch_);
  if (scratch_.size() > kMaxEventBytes) {
    return MakeError(absl::StatusCode::kResourceExhausted,
                     absl::StrCat("event of ", scratch_.size(),
                                  " bytes; the limit is ", kMaxEventBytes),
                     {.reason = "EVENT_TOO_LARGE",
                      .metadata = {{"size", absl::StrCat(scratch_.size())},
                                   {"limit", absl::StrCat(kMaxEventBytes)}}});
  }
  last_seq_ = seq;
  last_time_ = time;

  const bool fresh = tail_ == nullptr || !tail_->Fits(scratch_.size());
  if (fresh) {
    tail_ = std::make_shared<Chunk>(
        seq, options_.chunk_events,
        std::max(options_.chunk_bytes, scratch_.size()));
  }
  const size_t before = fresh ? 0 : tail_->memory_bytes();
  tail_->Append(scratch_, std::move(event), time, now_ns);

  MutexLock lock(&mu_);
  if (fresh) chunks_.push_back(tail_);
  memory_bytes_ += tail_->memory_bytes() - before;
  appended_bytes_ += scratch_.size();
  visible_ = seq;
  evicted = EvictLocked(now_ns);
  return seq;
}

void MemoryLog::EvictOld() {
  std::vector<std::shared_ptr<Chunk>> evicted;
  MutexLock append_lock(&append_mu_);
  MutexLock lock(&mu_);
  evicted = EvictLocked(clock_.MonotonicNs());
  if (chunks_.empty()) tail_ = nullptr;
}

std::vector<std::shared_ptr<Chunk>> MemoryLog::EvictLocked(int64_t now_ns) {
  std::vector<std::shared_ptr<Chunk>> evicted;
  const int64_t oldest_ns =
      now_ns - absl::ToInt64Nanoseconds(options_.ring_age);
  while (!chunks_.empty()) {
    const Chunk& oldest = *chunks_.front();
    const uint32_t n = VisibleLocked(oldest);
    // The newest chunk only goes with age: what was just said is kept, however
    // small the ring.
    const bool too_much =
        chunks_.size() > 1 &&
        (memory_bytes_ > options_.ring_bytes ||
         visible_ + 1 - oldest.first() > options_.ring_events);
    if (!too_much && oldest.append_ns(n - 1) >= oldest_ns) break;
    memory_bytes_ -= oldest.memory_bytes();
    gone_time_ = oldest.append_time(n - 1);
    evicted.push_back(std::move(chunks_.front()));
    chunks_.pop_front();
  }
  return evicted;
}

uint64_t MemoryLog::EarliestLocked() const {
  return chunks_.empty() ? visible_ + 1 : chunks_.front()->first();
}

uint32_t MemoryLog::VisibleLocked(const Chunk& chunk) const {
  // All of a chunk that is not the newest; of that, what is visible.
  return &chunk == chunks_.back().get()
             ? static_cast<uint32_t>(visible_ + 1 - chunk.first())
             : chunk.size();
}

LogBounds MemoryLog::bounds() const {
  MutexLock lock(&mu_);
  LogBounds bounds;
  bounds.latest = visible_;
  bounds.earliest = bounds.ring_earliest = EarliestLocked();
  bounds.gone_time = gone_time_;
  if (!chunks_.empty()) {
    bounds.earliest_time = chunks_.front()->append_time(0);
    const Chunk& newest = *chunks_.back();
    bounds.latest_time = newest.append_time(VisibleLocked(newest) - 1);
  }
  return bounds;
}

LogSource::View MemoryLog::Find(uint64_t seq) const {
  MutexLock lock(&mu_);
  if (seq < EarliestLocked() || seq > visible_) return {};
  const auto after = std::upper_bound(
      chunks_.begin(), chunks_.end(), seq,
      [](uint64_t s, const auto& chunk) { return s < chunk->first(); });
  const std::shared_ptr<Chunk>& chunk = *std::prev(after);
  return {chunk, VisibleLocked(*chunk)};
}

uint64_t MemoryLog::FirstAtOrAfter(absl::Time time) const {
  MutexLock lock(&mu_);
  // The first chunk that ends at `time` or later, then the event in it.
  size_t low_chunk = 0;
  size_t high_chunk = chunks_.size();
  while (low_chunk < high_chunk) {
    const size_t middle = (low_chunk + high_chunk) / 2;
    const Chunk& chunk = *chunks_[middle];
    if (chunk.append_time(VisibleLocked(chunk) - 1) < time) {
      low_chunk = middle + 1;
    } else {
      high_chunk = middle;
    }
  }
  if (low_chunk == chunks_.size()) return visible_ + 1;
  const Chunk& chunk = *chunks_[low_chunk];
  uint32_t low = 0;
  uint32_t high = VisibleLocked(chunk) - 1;
  while (low < high) {
    const uint32_t middle = (low + high) / 2;
    if (chunk.append_time(middle) < time) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return chunk.first() + low;
}

uint64_t MemoryLog::appended_bytes() const {
  MutexLock lock(&mu_);
  return appended_bytes_;
}

size_t MemoryLog::memory_bytes() const {
  MutexLock lock(&mu_);
  return memory_bytes_;
}

}  // namespace weir
