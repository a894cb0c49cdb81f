#include "host/broker/chunk.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

namespace weir {

Chunk::Chunk(uint64_t first, uint32_t max_events, size_t capacity)
    : first_(first),
      max_events_(std::min(max_events, kMaxEvents)),
      bytes_(std::make_shared<std::string>(capacity, '\0')),
      offsets_(std::make_unique<uint32_t[]>(max_events_ + 1)),
      keys_(std::make_unique<EventKeys[]>(max_events_)),
      append_unix_ns_(std::make_unique<int64_t[]>(max_events_)),
      append_ns_(std::make_unique<int64_t[]>(max_events_)),
      memory_bytes_(sizeof(Chunk) + capacity +
                    max_events_ * (sizeof(uint32_t) + sizeof(EventKeys) +
                                   2 * sizeof(int64_t))) {}

bool Chunk::Fits(size_t framed_bytes) const {
  return size_ < max_events_ &&
         offsets_[size_] + framed_bytes <= bytes_->size();
}

void Chunk::Append(absl::string_view framed, Event event,
                   absl::Time append_time, int64_t append_ns) {
  assert(Fits(framed.size()));
  const uint32_t begin = offsets_[size_];
  std::memcpy(bytes_->data() + begin, framed.data(), framed.size());

  EventKeys& keys = keys_[size_];
  keys.type = std::move(event.type);
  keys.source = std::move(event.source);
  keys.subject = std::move(event.subject);
  keys.severity = static_cast<int32_t>(event.severity);
  keys.labels = std::move(event.labels);
  std::sort(keys.labels.begin(), keys.labels.end());
  keys.prefixes = std::move(event.prefixes);
  keys.as_numbers = std::move(event.as_numbers);
  memory_bytes_ += keys.HeapBytes();
  // The payload is the larger part of an event and stands in its bytes as it
  // is; wherever the same text is found will do.
  const absl::string_view mine(bytes_->data() + begin, framed.size());
  if (const size_t at = mine.find(event.json); at != mine.npos) {
    keys.json = mine.substr(at, event.json.size());
  } else {
    memory_bytes_ += event.json.capacity();
    keys.json = other_json_.emplace_back(std::move(event.json));
  }

  append_unix_ns_[size_] = absl::ToUnixNanos(append_time);
  append_ns_[size_] = append_ns;
  ++size_;
  offsets_[size_] = begin + static_cast<uint32_t>(framed.size());
}

EventMask Chunk::Match(const FilterClass& filter, uint32_t begin, uint32_t n,
                       const ChunkScans& scans) const {
  CachedMask mask = Cached(filter.id());
  const EventMask missing = EventMask::Range(begin, n) & ~mask.known;
  if (!missing.empty()) {
    // Without the lock: two readers may do the same work, none waits.
    mask.filter_id = filter.id();
    mask.passed = mask.passed | filter.Match(keys_.get(), missing, scans);
    mask.known = mask.known | missing;
    Cache(mask);
  }
  return mask.passed;
}

Chunk::CachedMask Chunk::Cached(uint64_t filter_id) const {
  MutexLock lock(&mu_);
  const auto at = std::find_if(
      masks_.begin(), masks_.end(),
      [&](const CachedMask& mask) { return mask.filter_id == filter_id; });
  if (at == masks_.end()) return {};
  std::rotate(at, at + 1, masks_.end());
  return masks_.back();
}

void Chunk::Cache(const CachedMask& mask) const {
  MutexLock lock(&mu_);
  const auto at =
      std::find_if(masks_.begin(), masks_.end(), [&](const CachedMask& other) {
        return other.filter_id == mask.filter_id;
      });
  if (at != masks_.end()) {
    // What either of two readers found out is true.
    at->known = at->known | mask.known;
    at->passed = at->passed | mask.passed;
    return;
  }
  if (masks_.size() == kCachedMasks) masks_.erase(masks_.begin());
  masks_.push_back(mask);
}

}  // namespace weir
