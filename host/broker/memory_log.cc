#include "host/broker/memory_log.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "host/broker/event_check.h"
#include "host/broker/replay_id.h"
#include "host/status/error_info.h"

namespace weir {
namespace {

// When there may be another host to ask.
constexpr absl::Duration kRetry = absl::Seconds(5);

}  // namespace

MemoryLog::MemoryLog(const MemoryLogOptions& options, MemoryLogStart start,
                     const EventCodec& codec, const Clock& clock)
    : options_(options),
      start_(std::move(start)),
      codec_(codec),
      clock_(clock),
      last_seq_(start_.last),
      last_time_(start_.last_time),
      held_(start_.held),
      released_(start_.last),
      appended_(start_.last),
      visible_(start_.last) {}

absl::StatusOr<uint64_t> MemoryLog::Append(Event event) {
  return AppendSome(&event, 1);
}

absl::StatusOr<uint64_t> MemoryLog::AppendAll(std::vector<Event> events) {
  return AppendSome(events.data(), events.size());
}

absl::StatusOr<uint64_t> MemoryLog::AppendSome(Event* events, size_t n) {
  std::vector<std::shared_ptr<Chunk>> evicted;  // Dies after the locks.
  bool visible = false;
  int64_t now_ns = 0;
  absl::StatusOr<uint64_t> first;
  {
    MutexLock append_lock(&append_mu_);
    now_ns = clock_.MonotonicNs();
    first = AppendLocked(events, n, now_ns, &evicted);
    MutexLock lock(&mu_);
    visible = first.ok() && *first <= visible_;
  }
  if (visible && on_visible_) on_visible_(now_ns, n);
  return first;
}

absl::Status MemoryLog::SerializeLocked(const Event* events, size_t n,
                                        absl::Time time) {
  scratch_.clear();
  ends_.clear();
  for (size_t i = 0; i < n; ++i) {
    const uint64_t seq = last_seq_ + 1 + i;
    const size_t begin = scratch_.size();
    codec_.AppendFramed(events[i], FormatReplayId(start_.epoch, seq), seq, time,
                        &scratch_);
    const size_t size = scratch_.size() - begin;
    if (size > kMaxEventBytes) {
      return MakeError(absl::StatusCode::kResourceExhausted,
                       absl::StrCat("event of ", size, " bytes; the limit is ",
                                    kMaxEventBytes),
                       {.reason = "EVENT_TOO_LARGE",
                        .metadata = {{"size", absl::StrCat(size)},
                                     {"limit", absl::StrCat(kMaxEventBytes)}}});
    }
    ends_.push_back(scratch_.size());
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> MemoryLog::AppendLocked(
    Event* events, size_t n, int64_t now_ns,
    std::vector<std::shared_ptr<Chunk>>* evicted) {
  if (sealed_) return Closed();
  const uint64_t first = last_seq_ + 1;
  const absl::Time time = std::max(clock_.Now(), last_time_);
  absl::Status status = SerializeLocked(events, n, time);
  if (!status.ok()) return status;
  last_seq_ += n;
  last_time_ = time;

  // Nobody looks at what is appended here before appended_ says so.
  std::vector<std::shared_ptr<Chunk>> fresh;
  size_t memory_bytes = 0;
  size_t begin = 0;
  for (size_t i = 0; i < n; ++i) {
    const absl::string_view framed =
        absl::string_view(scratch_).substr(begin, ends_[i] - begin);
    begin = ends_[i];
    size_t before = 0;
    if (tail_ == nullptr || !tail_->Fits(framed.size())) {
      tail_ = std::make_shared<Chunk>(
          first + i, options_.chunk_events,
          std::max(options_.chunk_bytes, framed.size()));
      fresh.push_back(tail_);
    } else {
      before = tail_->memory_bytes();
    }
    tail_->Append(framed, std::move(events[i]), time, now_ns);
    memory_bytes += tail_->memory_bytes() - before;
  }

  MutexLock lock(&mu_);
  for (std::shared_ptr<Chunk>& chunk : fresh) {
    chunks_.push_back(std::move(chunk));
  }
  memory_bytes_ += memory_bytes;
  appended_bytes_ += scratch_.size();
  appended_ = last_seq_;
  if (start_.held && n > 1) together_.push_back({first, last_seq_});
  if (!held_ || appended_ <= shown_) visible_ = appended_;
  *evicted = EvictLocked(now_ns);
  return first;
}

std::vector<MemoryLog::Slice> MemoryLog::After(uint64_t after,
                                               size_t max_slices) const {
  std::vector<Slice> slices;
  MutexLock lock(&mu_);
  // Of what was appended together the ring may only have the rest.
  after = std::max(after, EarliestLocked() - 1);
  size_t i = 0;
  if (!chunks_.empty() && after >= chunks_.front()->first()) {
    const auto behind = std::upper_bound(
        chunks_.begin(), chunks_.end(), after,
        [](uint64_t s, const auto& chunk) { return s < chunk->first(); });
    i = static_cast<size_t>(behind - chunks_.begin()) - 1;
  }
  // Where the last run ends, if there are as many as may be.
  uint64_t end = appended_;
  for (size_t j = i, runs = 0; j < chunks_.size(); ++j) {
    if (EndLocked(j) > after + 1 && ++runs == max_slices) {
      end = WholeEndLocked(after, EndLocked(j) - 1);
      break;
    }
  }
  for (; i < chunks_.size() && chunks_[i]->first() <= end; ++i) {
    const uint64_t first = chunks_[i]->first();
    const uint64_t from = std::max(after + 1, first);
    const uint64_t to = std::min(EndLocked(i), end + 1);
    if (from >= to) continue;
    slices.push_back({chunks_[i], static_cast<uint32_t>(from - first),
                      static_cast<uint32_t>(to - first)});
  }
  return slices;
}

uint64_t MemoryLog::WholeEndLocked(uint64_t after, uint64_t last) const {
  const auto at = std::lower_bound(
      together_.begin(), together_.end(), last,
      [](const Together& t, uint64_t seq) { return t.last < seq; });
  if (at == together_.end() || at->first > last || at->last == last) {
    return last;
  }
  return at->first > after + 1 ? at->first - 1 : at->last;
}

MemoryLog::Shown MemoryLog::Release(uint64_t seq) {
  std::vector<std::shared_ptr<Chunk>> evicted;
  MutexLock append_lock(&append_mu_);
  MutexLock lock(&mu_);
  released_ = std::max(released_, std::min(seq, appended_));
  const Shown shown = ShowLocked(released_);
  while (!together_.empty() && together_.front().last <= released_) {
    together_.pop_front();
  }
  evicted = EvictLocked(clock_.MonotonicNs());
  if (chunks_.empty()) tail_ = nullptr;
  return shown;
}

MemoryLog::Shown MemoryLog::Show(uint64_t seq) {
  MutexLock append_lock(&append_mu_);
  MutexLock lock(&mu_);
  shown_ = std::max(shown_, seq);
  uint64_t end = std::min(shown_, appended_);
  const auto at = std::lower_bound(
      together_.begin(), together_.end(), end,
      [](const Together& t, uint64_t last) { return t.last < last; });
  if (at != together_.end() && at->first <= end && end < at->last) {
    end = at->first - 1;
  }
  return ShowLocked(end);
}

MemoryLog::Shown MemoryLog::Hold(bool held) {
  std::vector<std::shared_ptr<Chunk>> evicted;
  MutexLock append_lock(&append_mu_);
  MutexLock lock(&mu_);
  held_ = held;
  if (held) return {};
  const Shown shown = ShowLocked(appended_);
  evicted = EvictLocked(clock_.MonotonicNs());
  if (chunks_.empty()) tail_ = nullptr;
  return shown;
}

MemoryLog::Shown MemoryLog::ShowLocked(uint64_t seq) {
  if (seq <= visible_) return {};
  // Nothing that was not visible was evicted, so the ring has it.
  const uint64_t oldest = visible_ + 1;
  const auto after = std::upper_bound(
      chunks_.begin(), chunks_.end(), oldest,
      [](uint64_t s, const auto& chunk) { return s < chunk->first(); });
  const Chunk& chunk = **std::prev(after);
  const auto at = static_cast<uint32_t>(oldest - chunk.first());
  const Shown shown = {seq - visible_, chunk.append_ns(at)};
  visible_ = seq;
  return shown;
}

void MemoryLog::Seal() {
  MutexLock append_lock(&append_mu_);
  sealed_ = true;
}

absl::Status MemoryLog::Closed() {
  return MakeError(absl::StatusCode::kUnavailable,
                   "the event log is closed: the host stops",
                   {.reason = "SERVER_DRAINING", .retry_delay = kRetry});
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
    if (end > (held_ ? released_ : visible_) + 1) break;
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
  while (!together_.empty() && together_.front().last < EarliestLocked()) {
    together_.pop_front();
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
