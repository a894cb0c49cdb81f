#ifndef WEIR_HOST_DISPATCH_SLOT_METER_H_
#define WEIR_HOST_DISPATCH_SLOT_METER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "host/dispatch/handler_queue.h"
#include "host/metrics/histogram.h"
#include "host/metrics/rate_meter.h"
#include "host/pipeline/handler_stats.h"
#include "host/sync/mutex.h"

namespace weir {

// How long the messages of one slot wait and take, over all of its instances.
// Thread-safe. Times are of the monotonic clock, in nanoseconds.
class SlotMeter {
 public:
  // [worker] A run begins, or a call without messages.
  void Begin(int64_t now_ns) {
    run_begin_ns_.store(now_ns, std::memory_order_relaxed);
  }

  // [worker] A run of `n` messages, the first of which waited for `age_ns`,
  // took `each_ns` for each of them.
  void Record(size_t n, uint64_t each_ns, uint64_t age_ns, int64_t now_ns)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Adds what an instance that ended took.
  void AddCpuSeconds(double seconds) ABSL_LOCKS_EXCLUDED(mu_);

  // Forgets the distributions.
  void Reset() ABSL_LOCKS_EXCLUDED(mu_);

  // Fills in the distributions, the rate, the CPU time of instances that ended,
  // and how long the message in hand, or the call, has taken.
  void Fill(const HandlerQueue::Snapshot& snapshot, int64_t now_ns,
            HandlerStats* stats) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  absl::Duration BusyForLocked(const HandlerQueue::Snapshot& snapshot,
                               int64_t now_ns)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  std::atomic<int64_t> run_begin_ns_{0};
  Mutex mu_;
  Histogram queue_age_ ABSL_GUARDED_BY(mu_);
  Histogram handle_ ABSL_GUARDED_BY(mu_);
  RateMeter rate_ ABSL_GUARDED_BY(mu_);
  double cpu_seconds_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t last_finished_ ABSL_GUARDED_BY(mu_) = 0;  // See BusyForLocked.
  int64_t last_progress_ns_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_DISPATCH_SLOT_METER_H_
