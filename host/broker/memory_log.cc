#include "host/broker/memory_log.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "host/broker/event_check.h"
#include "host/broker/replay_id.h"
#include "host/status/error_info.h"

namespace weir {

MemoryLog::MemoryLog(const MemoryLogOptions& options, MemoryLogStart start,
                     const EventCodec& codec, const Clock& clock)
    : options_(options),
      start_(std::move(start)),
      codec_(codec),
      clock_(clock),
      last_seq_(start_.last),
      last_time_(start_.last_time),
      held_(start_.held),
      appended_(start_.last),
      visible_(start_.last) {}

absl::StatusOr<uint64_t> MemoryLog::Append(Event event) {
  std::vector<std::shared_ptr<Chunk>> evicted;  // Dies after the locks.
  bool visible = false;
  int64_t now_ns = 0;
  absl::StatusOr<uint64_t> seq;
  {
    MutexLock append_lock(&append_mu_);
    now_ns = clock_.MonotonicNs();
    seq = AppendLocked(std::move(event), now_ns, &evicted);
    MutexLock lock(&mu_);
    visible = seq.ok() && *seq <= visible_;
  }
  if (visible && on_visible_) on_visible_(now_ns, 1);
  return seq;
}

absl::StatusOr<uint64_t> MemoryLog::AppendLocked(
    Event event, int64_t now_ns, std::vector<std::shared_ptr<Chunk>>* evicted) {
  const uint64_t seq = last_seq_ + 1;
  const absl::Time time = std::max(clock_.Now(), last_time_);
  scratch_.clear();
  codec_.AppendFramed(event, FormatReplayId(start_.epoch, seq), seq, time,
                      &scratch_);
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
  appended_ = seq;
  if (!held_) visible_ = seq;
  *evicted = EvictLocked(now_ns);
  return seq;
}

std::vector<MemoryLog::Slice> MemoryLog::After(uint64_t after,
                                               size_t max_slices) const {
  std::vector<Slice> slices;
  MutexLock lock(&mu_);
  size_t i = 0;
  if (!chunks_.empty() && after >= chunks_.front()->first()) {
    const auto behind = std::upper_bound(
        chunks_.begin(), chunks_.end(), after,
        [](uint64_t s, const auto& chunk) { return s < chunk->first(); });
    i = static_cast<size_t>(behind - chunks_.begin()) - 1;
  }
  for (; i < chunks_.size() && slices.size() < max_slices; ++i) {
    const uint64_t first = chunks_[i]->first();
    const uint64_t begin = std::max(after + 1, first);
    const uint64_t end = EndLocked(i);
    if (begin >= end) continue;
    slices.push_back({chunks_[i], static_cast<uint32_t>(begin - first),
                      static_cast<uint32_t>(end - first)});
  }
  return slices;
}

void MemoryLog::Release(uint64_t seq) {
  std::vector<std::shared_ptr<Chunk>> evicted;
  MutexLock append_lock(&append_mu_);
  MutexLock lock(&mu_);
  visible_ = std::max(visible_, std::min(seq, appended_));
  evicted = EvictLocked(clock_.MonotonicNs());
  if (chunks_.empty()) tail_ = nullptr;
}

void MemoryLog::Hold(bool held) {
  std::vector<std::shared_ptr<Chunk>> evicted;
  MutexLock append_lock(&append_mu_);
  MutexLock lock(&mu_);
  held_ = held;
  if (held) return;
  visible_ = appended_;
  evicted = EvictLocked(clock_.MonotonicNs());
  if (chunks_.empty()) tail_ = nullptr;
}

uint64_t MemoryLog::appended() const {
  MutexLock lock(&mu_);
  return appended_;
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
    const uint64_t end = EndLocked(0);
    if (end > visible_ + 1) break;  // Held back.
    // The newest chunk only goes with age: what was just said is kept, however
    // small the ring.
    const bool too_much =
        chunks_.size() > 1 &&
        (memory_bytes_ > options_.ring_bytes ||
         visible_ + 1 - oldest.first() > options_.ring_events);
    const auto last = static_cast<uint32_t>(end - oldest.first() - 1);
    if (!too_much && oldest.append_ns(last) >= oldest_ns) break;
    memory_bytes_ -= oldest.memory_bytes();
    gone_time_ = oldest.append_time(last);
    evicted.push_back(std::move(chunks_.front()));
    chunks_.pop_front();
  }
  return evicted;
}

uint64_t MemoryLog::EarliestLocked() const {
  return chunks_.empty() ? visible_ + 1 : chunks_.front()->first();
}

uint64_t MemoryLog::EndLocked(size_t i) const {
  return i + 1 < chunks_.size() ? chunks_[i + 1]->first() : appended_ + 1;
}

uint32_t MemoryLog::VisibleLocked(size_t i) const {
  const uint64_t end = std::min(EndLocked(i), visible_ + 1);
  const uint64_t first = chunks_[i]->first();
  return end <= first ? 0 : static_cast<uint32_t>(end - first);
}

size_t MemoryLog::VisibleChunksLocked() const {
  size_t n = chunks_.size();
  while (n > 0 && VisibleLocked(n - 1) == 0) --n;
  return n;
}

LogBounds MemoryLog::bounds() const {
  MutexLock lock(&mu_);
  LogBounds bounds;
  bounds.latest = visible_;
  bounds.earliest = bounds.ring_earliest = EarliestLocked();
  bounds.gone_time = gone_time_;
  if (const size_t n = VisibleChunksLocked(); n > 0) {
    bounds.earliest_time = chunks_.front()->append_time(0);
    bounds.latest_time = chunks_[n - 1]->append_time(VisibleLocked(n - 1) - 1);
  }
  return bounds;
}

LogSource::View MemoryLog::Find(uint64_t seq) const {
  MutexLock lock(&mu_);
  if (seq < EarliestLocked() || seq > visible_) return {};
  const auto after = std::upper_bound(
      chunks_.begin(), chunks_.end(), seq,
      [](uint64_t s, const auto& chunk) { return s < chunk->first(); });
  const auto i = static_cast<size_t>(after - chunks_.begin()) - 1;
  return {chunks_[i], VisibleLocked(i)};
}

std::optional<uint64_t> MemoryLog::FirstAtOrAfter(absl::Time time) const {
  MutexLock lock(&mu_);
  // The first chunk that ends at `time` or later, then the event in it.
  const size_t n = VisibleChunksLocked();
  size_t low_chunk = 0;
  size_t high_chunk = n;
  while (low_chunk < high_chunk) {
    const size_t middle = (low_chunk + high_chunk) / 2;
    if (chunks_[middle]->append_time(VisibleLocked(middle) - 1) < time) {
      low_chunk = middle + 1;
    } else {
      high_chunk = middle;
    }
  }
  if (low_chunk == n) return visible_ + 1;
  const Chunk& chunk = *chunks_[low_chunk];
  uint32_t low = 0;
  uint32_t high = VisibleLocked(low_chunk) - 1;
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
