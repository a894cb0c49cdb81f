#ifndef WEIR_HOST_DISPATCH_SLOT_H_
#define WEIR_HOST_DISPATCH_SLOT_H_

#include <time.h>

#include <atomic>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "host/dispatch/handler_queue.h"
#include "host/dispatch/wants_table.h"
#include "host/metrics/histogram.h"
#include "host/metrics/rate_meter.h"
#include "host/pipeline/books.h"
#include "host/pipeline/handler.h"
#include "host/pipeline/handler_registry.h"
#include "host/pipeline/handler_stats.h"
#include "host/pipeline/message.h"
#include "host/pipeline/name_table.h"
#include "host/pipeline/slab_pool.h"
#include "host/sync/clock.h"
#include "host/sync/mutex.h"

namespace weir {

// What all slots share.
struct SlotContext {
  const NameTable& types;
  NameTable& sources;
  const SlabPool& pool;
  const Clock& clock;
  size_t max_queued_bytes;
};

// One handler's place in the host: its queue, its answers, and the one thread
// that its code runs on.
//
//   Start --> Offer, Offer, ... --> Stop
//     |                              |
//     +--- code that hangs: abandoned with its thread <---+
//
// A thread that runs foreign code can not be stopped. One that does not come
// back is detached, and the slot with all that it reads is kept for ever; that
// is the price of a host that goes on.
//
// Start and Stop are called once each, one after the other; the rest is
// thread-safe in between. All in `context` must outlive the slot.
class Slot : public std::enable_shared_from_this<Slot> {
 public:
  // How long a call may still take once its time is over.
  static constexpr absl::Duration kGrace = absl::Seconds(1);

  // A run takes about this long, so that a handler which is told to stop, or a
  // dispatcher which waits for room, does not wait for much longer.
  static constexpr int64_t kRunNs = 1'000'000;

  Slot(HandlerOptions options, std::unique_ptr<Handler> handler,
       const SlotContext& context);

  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;

  // Creates the handler on its thread and asks what it has to be asked first.
  // Returns the capacity it asked for, or the errors of
  // HandlerRegistry::AddHandler; then the slot is of no more use.
  absl::StatusOr<int64_t> Start() ABSL_LOCKS_EXCLUDED(mu_);

  // Offers the messages from `first` on, all of one batch, which the caller
  // holds. After Start.
  void Offer(const Message* first, int64_t now_ns);

  // Whether the handler wants messages of `type`, or may.
  bool MayWant(uint16_t type) const { return wants_.Get(type) != Wants::kNo; }

  // From now on what is offered is dropped, as not running.
  void StopIntake() { queue_->StopIntake(); }

  // Waits until nothing is left to do. Returns false if `timeout` passed first.
  bool WaitUntilIdle(absl::Duration timeout) {
    return queue_->WaitUntilIdle(timeout);
  }

  // Stops the intake, lets the handler finish until `drain` is over, discards
  // the rest and ends the handler. Returns how many messages were discarded.
  uint64_t Stop(absl::Duration drain) ABSL_LOCKS_EXCLUDED(mu_);

  Books CloseBooks() { return queue_->CloseBooks(); }

  Books books() const { return queue_->books(); }
  HandlerStats Stats() ABSL_LOCKS_EXCLUDED(mu_);
  const std::string& name() const { return options_.name; }

 private:
  // [worker]
  void Work() ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<int64_t> Create();
  absl::StatusOr<int64_t> AskFirst();
  bool Ask(uint16_t type);
  void Loop();
  bool Handle(const HandlerQueue::Run& run);
  void Record(const HandlerQueue::Run& run, int64_t begin_ns)
      ABSL_LOCKS_EXCLUDED(mu_);
  bool CallHandler(absl::Span<const Message* const> messages);
  bool abandoned() const ABSL_LOCKS_EXCLUDED(mu_);

  void JoinOrAbandon() ABSL_LOCKS_EXCLUDED(mu_);
  absl::Duration BusyForLocked(const HandlerQueue::Snapshot& snapshot,
                               int64_t now_ns)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const HandlerOptions options_;
  const std::string log_area_;
  const SlotContext context_;
  const std::unique_ptr<Handler> handler_;
  WantsTable wants_;
  bool takes_all_sources_;
  std::bitset<NameTable::kMaxNames> sources_;
  std::unique_ptr<HandlerQueue> queue_;  // Set in Start, then constant.
  std::thread worker_;

  size_t run_length_ = 1;  // [worker]
  double mean_ns_ = 0;     // [worker] Running mean of one message.
  std::atomic<int64_t> run_begin_ns_{0};

  mutable Mutex mu_;
  CondVar changed_;
  std::optional<absl::StatusOr<int64_t>> started_ ABSL_GUARDED_BY(mu_);
  bool worker_ended_ ABSL_GUARDED_BY(mu_) = false;
  bool abandoned_ ABSL_GUARDED_BY(mu_) = false;
  std::optional<clockid_t> cpu_clock_ ABSL_GUARDED_BY(mu_);  // While it runs.
  double cpu_seconds_ ABSL_GUARDED_BY(mu_) = 0;              // After it ended.
  Histogram queue_age_ ABSL_GUARDED_BY(mu_);
  Histogram handle_ ABSL_GUARDED_BY(mu_);
  RateMeter rate_ ABSL_GUARDED_BY(mu_);
  uint64_t last_finished_ ABSL_GUARDED_BY(mu_) = 0;  // See BusyForLocked.
  int64_t last_progress_ns_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_DISPATCH_SLOT_H_
