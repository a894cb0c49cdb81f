#include "lib/nakadi/commit_ledger.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace weir::nakadi {

uint64_t CommitLedger::Add(std::vector<HandedOut> ends, int64_t now_ns) {
  const uint64_t number = next_++;
  std::vector<Key>& keys = batches_[number];
  for (HandedOut& end : ends) {
    if (uncommitted_events_ == 0) clock_ns_ = now_ns;
    uncommitted_events_ += end.events;
    keys.push_back(KeyOf(end.cursor));
    partitions_[keys.back()].entries.push_back(
        {.number = number, .end = std::move(end)});
  }
  return number;
}

void CommitLedger::Done(uint64_t number, int64_t now_ns) {
  const auto batch = batches_.find(number);
  if (batch == batches_.end()) return;
  for (const Key& key : batch->second) {
    const auto it = partitions_.find(key);
    if (it == partitions_.end()) continue;  // Forgotten.
    Partition& partition = it->second;
    const auto entry = std::lower_bound(
        partition.entries.begin(), partition.entries.end(), number,
        [](const Entry& one, uint64_t wanted) { return one.number < wanted; });
    if (entry == partition.entries.end() || entry->number != number) continue;
    entry->done = true;
    while (partition.ready < partition.entries.size() &&
           partition.entries[partition.ready].done) {
      ready_events_ += partition.entries[partition.ready].end.events;
      ++partition.ready;
      if (!ready_since_ns_.has_value()) ready_since_ns_ = now_ns;
    }
  }
  batches_.erase(batch);
}

std::vector<Cursor> CommitLedger::Ready() const {
  std::vector<Cursor> cursors;
  for (const auto& [key, partition] : partitions_) {
    if (partition.ready == 0) continue;
    cursors.push_back(partition.entries[partition.ready - 1].end.cursor);
  }
  return cursors;
}

void CommitLedger::Drop(Partition& partition, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const uint64_t events = partition.entries[i].end.events;
    uncommitted_events_ -= events;
    if (i < partition.ready) ready_events_ -= events;
  }
  partition.entries.erase(
      partition.entries.begin(),
      partition.entries.begin() + static_cast<std::ptrdiff_t>(count));
  partition.ready -= std::min(partition.ready, count);
}

void CommitLedger::Committed(const Cursor& cursor, int64_t now_ns) {
  const auto it = partitions_.find(KeyOf(cursor));
  if (it == partitions_.end()) return;
  Partition& partition = it->second;
  size_t count = 0;
  while (count < partition.ready &&
         partition.entries[count].end.cursor.offset != cursor.offset) {
    ++count;
  }
  if (count == partition.ready) return;
  Drop(partition, count + 1);
  committed_[absl::StrCat(cursor.event_type, "/", cursor.partition)] =
      cursor.offset;
  const bool more =
      std::any_of(partitions_.begin(), partitions_.end(),
                  [](const auto& entry) { return entry.second.ready > 0; });
  ready_since_ns_ = more ? std::optional<int64_t>(now_ns) : std::nullopt;
  clock_ns_ =
      uncommitted_events_ > 0 ? std::optional<int64_t>(now_ns) : std::nullopt;
}

void CommitLedger::Forget(const Cursor& cursor) {
  const auto it = partitions_.find(KeyOf(cursor));
  if (it == partitions_.end()) return;
  Drop(it->second, it->second.entries.size());
  partitions_.erase(it);
  const bool more =
      std::any_of(partitions_.begin(), partitions_.end(),
                  [](const auto& entry) { return entry.second.ready > 0; });
  if (!more) ready_since_ns_.reset();
  if (uncommitted_events_ == 0) clock_ns_.reset();
}

}  // namespace weir::nakadi
