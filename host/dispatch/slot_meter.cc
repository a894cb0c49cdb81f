#include "host/dispatch/slot_meter.h"

#include <algorithm>
#include <utility>

#include "host/pipeline/books.h"

namespace weir {

void SlotMeter::Record(size_t n, uint64_t each_ns, uint64_t age_ns,
                       int64_t now_ns) {
  MutexLock lock(&mu_);
  handle_.Record(each_ns, n, now_ns);
  queue_age_.Record(age_ns, n, now_ns);
  rate_.Add(n, now_ns);
}

void SlotMeter::AddCpuSeconds(double seconds) {
  MutexLock lock(&mu_);
  cpu_seconds_ += seconds;
}

void SlotMeter::Reset() {
  MutexLock lock(&mu_);
  handle_ = Histogram();
  queue_age_ = Histogram();
}

void SlotMeter::Fill(const HandlerQueue::Snapshot& snapshot, int64_t now_ns,
                     HandlerStats* stats) {
  MutexLock lock(&mu_);
  stats->queue_age = queue_age_.Read(now_ns);
  stats->handle = handle_.Read(now_ns);
  stats->messages_per_second = rate_.PerSecond(now_ns);
  stats->cpu_seconds = cpu_seconds_;
  stats->busy_for = BusyForLocked(snapshot, now_ns);
}

// The time of a message's begin is known for the first of a run only. For the
// others it is at least the time since somebody last looked and saw the same.
absl::Duration SlotMeter::BusyForLocked(const HandlerQueue::Snapshot& snapshot,
                                        int64_t now_ns) {
  const Books& books = snapshot.books;
  const uint64_t finished =
      books.processed_ok + books.processed_error + books.lost_in_crash;
  if (std::exchange(last_finished_, finished) != finished) {
    last_progress_ns_ = now_ns;
  }
  const int64_t begin_ns = run_begin_ns_.load(std::memory_order_relaxed);
  if (snapshot.asking) return absl::Nanoseconds(now_ns - begin_ns);
  if (books.in_flight == 0) return absl::ZeroDuration();
  if (snapshot.run_done == 0) last_progress_ns_ = begin_ns;
  return absl::Nanoseconds(
      std::max(int64_t{0}, now_ns - std::max(begin_ns, last_progress_ns_)));
}

}  // namespace weir
