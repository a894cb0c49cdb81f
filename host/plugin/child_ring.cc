#include "host/plugin/child_ring.h"

#include <algorithm>
#include <cstring>

#include "absl/status/status.h"

namespace weir {
namespace {

struct Head {
  uint32_t size;
  uint32_t kind;
};

constexpr size_t Padded(size_t bytes) { return (bytes + 7) & ~size_t{7}; }

static_assert(ChildRing::kBytes % 8 == 0, "so that no head is ever split");

}  // namespace

bool ChildRingWriter::Push(ChildRecord kind, absl::string_view body) {
  const size_t size = sizeof(Head) + body.size();
  if (size > kMaxChildRecord) return false;
  MutexLock lock(&mu_);
  const uint64_t tail = ring_.tail.load(std::memory_order_relaxed);
  const uint64_t head = ring_.head.load(std::memory_order_acquire);
  if (tail - head + Padded(size) > ChildRing::kBytes) return false;
  if (kind == ChildRecord::kEvent) {
    const uint64_t in = ring_.events_in.load(std::memory_order_relaxed);
    if (in - ring_.events_out.load(std::memory_order_acquire) >= max_events_) {
      return false;
    }
    ring_.events_in.store(in + 1, std::memory_order_relaxed);
  }
  const Head begin = {static_cast<uint32_t>(size), static_cast<uint32_t>(kind)};
  CopyIn(tail, &begin, sizeof(begin));
  CopyIn(tail + sizeof(begin), body.data(), body.size());
  // Sequentially consistent: the child decides afterwards whether somebody
  // reads the ring anyway.
  ring_.tail.store(tail + Padded(size));
  return true;
}

void ChildRingWriter::CopyIn(uint64_t at, const void* data, size_t size) {
  if (size == 0) return;
  const size_t begin = at % ChildRing::kBytes;
  const size_t first = std::min(size, ChildRing::kBytes - begin);
  std::memcpy(ring_.bytes + begin, data, first);
  std::memcpy(ring_.bytes, static_cast<const uint8_t*>(data) + first,
              size - first);
}

absl::StatusOr<std::optional<ChildRingReader::Record>> ChildRingReader::Take() {
  const uint64_t tail = ring_.tail.load(std::memory_order_acquire);
  if (tail == head_ && !corrupt_) return std::optional<Record>();
  const uint64_t there = tail - head_;
  Head begin = {};
  if (there >= sizeof(begin) && there <= ChildRing::kBytes) {
    CopyOut(head_, &begin, sizeof(begin));
  }
  const bool is_event =
      begin.kind == static_cast<uint32_t>(ChildRecord::kEvent);
  if (corrupt_ || begin.size < sizeof(begin) || begin.size > kMaxChildRecord ||
      Padded(begin.size) > there ||
      begin.kind < static_cast<uint32_t>(ChildRecord::kEvent) ||
      begin.kind > static_cast<uint32_t>(ChildRecord::kNode)) {
    corrupt_ = true;
    return absl::DataLossError("what is in the ring is no record");
  }
  Record record = {.kind = static_cast<ChildRecord>(begin.kind),
                   .body = std::string(begin.size - sizeof(begin), '\0')};
  CopyOut(head_ + sizeof(begin), record.body.data(), record.body.size());
  head_ += Padded(begin.size);
  events_ += is_event ? 1 : 0;
  ring_.events_out.store(events_, std::memory_order_release);
  ring_.head.store(head_, std::memory_order_release);
  return std::optional<Record>(std::move(record));
}

void ChildRingReader::CopyOut(uint64_t at, void* data, size_t size) const {
  if (size == 0) return;
  const size_t begin = at % ChildRing::kBytes;
  const size_t first = std::min(size, ChildRing::kBytes - begin);
  std::memcpy(data, ring_.bytes + begin, first);
  std::memcpy(static_cast<uint8_t*>(data) + first, ring_.bytes, size - first);
  // The copy is checked, and then used; the original is not read again.
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

}  // namespace weir
