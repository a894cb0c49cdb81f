#ifndef WEIR_HOST_DISPATCH_HANDLER_QUEUE_H_
#define WEIR_HOST_DISPATCH_HANDLER_QUEUE_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "host/dispatch/linear_drop.h"
#include "host/dispatch/wants_table.h"
#include "host/pipeline/books.h"
#include "host/pipeline/handler_registry.h"
#include "host/pipeline/handler_slot.h"
#include "host/pipeline/losses.h"
#include "host/pipeline/message.h"
#include "host/pipeline/message_copy.h"
#include "host/pipeline/slab_pool.h"
#include "host/sync/clock.h"
#include "host/sync/mutex.h"

namespace weir {

struct HandlerQueueOptions {
  QueuePolicy policy = QueuePolicy::kLinearDrop;
  uint32_t capacity = 1;  // Messages, 1 or more; see SetCapacity.
  uint64_t seed = 0;      // For kLinearDrop; equal seeds, equal decisions.
  // While `pool` has lent out more than this, the queue counts as full, unless
  // it is empty: so even a message larger than this gets through.
  size_t max_queued_bytes = SIZE_MAX;
  // Whether the message that was in the hands of a worker which died waits once
  // more, before all others. If it is there when the next one dies, it is lost.
  bool redeliver_once = false;
};

// The messages that wait in one slot, and its books: many dispatchers push, one
// worker takes, the one whose *turn* it is. Workers come and go; the queue, its
// messages and its books stay. First in, first out.
//
// Both sides move runs of messages, so that the lock is taken once per run. A
// run that the worker took stays in the queue's count until each of its
// messages is done, so the capacity bounds everything that is not finished.
//
// The books lie under the same lock, and what the handler says of a run in
// progress is folded in when they are read: they balance at every moment, in
// the middle of a run too. The queue never lets go of a message with its lock
// held.
//
// A message whose type the handler was not asked about yet is *undecided*: it
// waits in its place, but outside of the books, until Decide.
//
// Thread-safe; a worker's calls come from its one thread.
class HandlerQueue {
 public:
  // The most messages in one run. A hundred already make lock and wake-up cheap
  // beside the handling; more would only make a slow handler's stop slower.
  static constexpr size_t kMaxRun = 256;

  using Intake = HandlerSlot::Intake;

  // How a worker's call of its handler ended.
  enum class RunEnd {
    kReturned,   // What is not done is lost.
    kThrew,      // At the message after those that are done: an error. The rest
                 // stays in the run.
    kDied,       // Between two messages. The rest goes back into the queue.
    kDiedInOne,  // In the message after those that are done, which is lost, or
                 // waits once more; the rest goes back.
  };

  // A worker's place in the queue, and the run it has in hand: taken_ messages
  // from begin_ on, of which done() are finished. Each worker has its own, so
  // that one which hangs and was given up can write to nobody else's. Must
  // outlive the worker, and its turn.
  class Hand {
   public:
    Hand() = default;
    Hand(const Hand&) = delete;
    Hand& operator=(const Hand&) = delete;

    // For Handler::HandleMessages; both are 0 at each call.
    std::atomic<uint32_t>& done() { return done_; }
    std::atomic<uint32_t>& errors() { return errors_; }

   private:
    friend class HandlerQueue;

    // All of this under the queue's lock; the worker reads messages_ without.
    bool asking_ = false;  // Between Take of no messages and Decide or Done.
    bool called_ = false;  // See Call.
    bool redelivered_ = false;  // The first of messages_ is, if it is left.
    bool ended_ = false;
    bool abandoned_ = false;
    size_t begin_ = 0;
    uint32_t taken_ = 0;
    // Most messages of it that were known to be fine; see ProgressLocked.
    mutable uint32_t seen_ok_ = 0;
    std::array<const Message*, kMaxRun> messages_ = {};
    std::array<int64_t, kMaxRun> enqueue_ns_ = {};

    // On a cache line of their own: the handler writes them for each message.
    alignas(64) std::atomic<uint32_t> done_{0};
    std::atomic<uint32_t> errors_{0};
  };

  // What the worker is to do next: what Call or a tick is there for, and then
  // say that it is Done; ask the handler about `undecided_type`; handle
  // `messages`; or, if there is nothing of that, end.
  struct Run {
    bool called = false;
    bool tick = false;
    Losses losses;  // So far.
    std::optional<uint16_t> undecided_type;
    absl::Span<const Message* const> messages;  // Until they are settled.
    int64_t enqueue_ns = 0;                     // Of the first one.
    bool redelivered = false;  // The first one is given a second time.
  };

  // What has become of the begin of a run.
  struct Settled {
    size_t finished = 0;  // Handled. The worker lets go of them.
    size_t lost = 0;      // Behind them: not handled. It lets go of them, too.
    size_t put_back = 0;  // Behind those: wait again.
  };

  // All that there is to tell, at one moment.
  struct Snapshot {
    Books books;
    uint32_t high_water = 0;
    uint64_t queued_bytes = 0;
    std::optional<int64_t> oldest_ns;  // When the one at the head came.
    uint32_t run_done = 0;             // Of the run in progress.
    bool asking = false;  // The worker is in a call without messages.
    int64_t blocked_ns = 0;
    bool blocking = false;
    std::optional<int64_t> last_drop_ns;
    uint64_t redelivered = 0;  // Messages that were given a second time.
  };

  // `wants` has the answers so far. All must outlive the queue.
  HandlerQueue(const HandlerQueueOptions& options, WantsTable& wants,
               const SlabPool& pool, const Clock& clock);

  HandlerQueue(const HandlerQueue&) = delete;
  HandlerQueue& operator=(const HandlerQueue&) = delete;

  // Offers up to kMaxRun `messages` of one batch, which the caller holds, and
  // says of `not_wanted` others that the handler does not want them. Blocks
  // under kBlock while the queue is full, unless it is held or takes nothing
  // in.
  void PushRun(absl::Span<const Message* const> messages, uint32_t not_wanted,
               int64_t now_ns) ABSL_LOCKS_EXCLUDED(mu_);

  // [worker] Takes a run of at most `max` messages, 1 to kMaxRun, waiting for
  // its turn and for the first of them. While it has the turn and is not held,
  // it waits for `tick_in` at most, and then, or at once if that is 0 or less,
  // returns a tick instead.
  Run Take(Hand& hand, size_t max,
           absl::Duration tick_in = absl::InfiniteDuration())
      ABSL_LOCKS_EXCLUDED(mu_);

  // [worker] Books that a called run or a tick is over. Returns false if the
  // worker was abandoned: touch nothing any more.
  bool Done(Hand& hand) ABSL_LOCKS_EXCLUDED(mu_);

  // Makes the worker's Take return a called run, at once or after the run that
  // it has in hand, whether it has the turn or not.
  void Call(Hand& hand) ABSL_LOCKS_EXCLUDED(mu_);

  // [worker] Books the handler's answer for `type`, and what of it waits.
  void Decide(Hand& hand, uint16_t type, bool wanted) ABSL_LOCKS_EXCLUDED(mu_);

  // [worker] Books what the handler did with the run, as done() and errors()
  // and `end` say. Returns nullopt if the worker was abandoned: touch nothing
  // any more.
  std::optional<Settled> Settle(Hand& hand, RunEnd end)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Gives the turn to `next`, null for nobody, when whoever has it has finished
  // its run. Calls `then` at that moment, under the lock: to change the answers
  // in `wants`. What waits and is not wanted any more is discarded. Returns
  // false if that took longer than `timeout`; then
  // nothing has changed.
  bool PassTurn(Hand* next, absl::Duration timeout,
                const std::function<void()>& then = nullptr)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Ends the worker: its Take returns nothing, at once or after its run. If it
  // has the turn, nobody has it afterwards.
  void End(Hand& hand) ABSL_LOCKS_EXCLUDED(mu_);

  // Gives up a worker that hangs in its run: one message is lost, or waits once
  // more, and the rest of the run waits again. Returns whether one was lost.
  // After End.
  bool Abandon(Hand& hand) ABSL_LOCKS_EXCLUDED(mu_);

  // What becomes of what is offered from now on; whoever blocks goes on.
  void SetIntake(Intake intake) ABSL_LOCKS_EXCLUDED(mu_);

  // While held, nothing is taken, and a full queue blocks nobody.
  void Hold(bool held) ABSL_LOCKS_EXCLUDED(mu_);

  // From now on; whoever blocks goes on, if it need not any more.
  void SetPolicy(QueuePolicy policy) ABSL_LOCKS_EXCLUDED(mu_);

  // 1 or more. What waits beyond a smaller one stays.
  void SetCapacity(uint32_t capacity) ABSL_LOCKS_EXCLUDED(mu_);

  // Waits until nothing is left to do and the worker has let go of everything.
  // Returns false if `timeout` passed first, or if nobody takes what is left:
  // no one has the turn, or the queue is held.
  bool WaitUntilIdle(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mu_);

  // Discards what waits. Returns how many messages that were.
  uint64_t Discard() ABSL_LOCKS_EXCLUDED(mu_);

  // The high-water mark is what waits now.
  void ResetHighWater() ABSL_LOCKS_EXCLUDED(mu_);

  // Returns the books for the last time. What a dispatcher still pushes, which
  // had not noticed that the slot is gone, is in nobody's books.
  Books CloseBooks() ABSL_LOCKS_EXCLUDED(mu_);

  Books books() const ABSL_LOCKS_EXCLUDED(mu_);
  // A copy of the message that is in the worker's hands, made under the lock:
  // as long as the run is not settled, the queue's hold keeps the message.
  std::optional<MessageCopy> InFlight() const ABSL_LOCKS_EXCLUDED(mu_);
  Snapshot Read(int64_t now_ns) const ABSL_LOCKS_EXCLUDED(mu_);
  uint32_t capacity() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Entry {
    const Message* message;
    uint64_t enqueue_ns : 62;
    uint64_t undecided : 1;
    uint64_t redelivered : 1;
  };
  struct Push;
  struct Progress {
    uint32_t done, ok;
  };

  void PlaceLocked(const Message& message, Push& push)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool FullLocked(Push& push) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void WaitForRoomLocked(Push& push) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool DisplaceLocked(bool undecided, Push& push)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void DropLocked(uint64_t Books::*reason, Push& push)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void AppendLocked(const Message& message, bool undecided, Push& push)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void GrowLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Entry PopLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool GivesAgainLocked(const Hand& hand, size_t index) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CountRedeliveredLocked(Hand& hand, size_t gone)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void PutBackLocked(Hand& hand, size_t begin)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void FinishRunLocked(Hand& hand) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CountUnwantedLocked(uint16_t type) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool ShouldWakeLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void SortOutLocked(std::vector<const Message*>& unwanted)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool BlocksLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool BusyLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  size_t FillLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Progress ProgressLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Books BooksLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  Entry& At(size_t i) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return ring_[(head_ + i) & (ring_.size() - 1)];
  }

  const uint64_t seed_;
  const size_t max_queued_bytes_;
  const bool redeliver_once_;
  WantsTable& wants_;
  const SlabPool& pool_;
  const Clock& clock_;

  mutable Mutex mu_;
  CondVar pushed_;        // The worker whose turn it is waits for it.
  CondVar turn_changed_;  // The others do.
  CondVar room_;          // Dispatchers wait for it.
  CondVar idle_;          // WaitUntilIdle and PassTurn do.
  QueuePolicy policy_ ABSL_GUARDED_BY(mu_);
  uint32_t capacity_ ABSL_GUARDED_BY(mu_);
  LinearDrop linear_drop_ ABSL_GUARDED_BY(mu_);
  Books books_ ABSL_GUARDED_BY(mu_);  // Without the run in progress.
  // A ring of a power of two, which grows up to the capacity when it must.
  std::vector<Entry> ring_ ABSL_GUARDED_BY(mu_);
  size_t head_ ABSL_GUARDED_BY(mu_) = 0;
  size_t size_ ABSL_GUARDED_BY(mu_) = 0;
  size_t undecided_ ABSL_GUARDED_BY(mu_) = 0;  // Of these.
  uint64_t bytes_ ABSL_GUARDED_BY(mu_) = 0;    // Payload of these.
  uint32_t high_water_ ABSL_GUARDED_BY(mu_) = 0;
  Intake intake_ ABSL_GUARDED_BY(mu_) = Intake::kQueue;
  bool held_ ABSL_GUARDED_BY(mu_) = false;
  bool worker_waits_ ABSL_GUARDED_BY(mu_) = false;  // For pushed_.
  bool books_closed_ ABSL_GUARDED_BY(mu_) = false;
  uint32_t blocked_producers_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t blocked_since_ns_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t blocked_ns_ ABSL_GUARDED_BY(mu_) = 0;
  std::optional<int64_t> last_drop_ns_ ABSL_GUARDED_BY(mu_);
  uint64_t redelivered_ ABSL_GUARDED_BY(mu_) = 0;

  // Whose turn it is, and who has a run in hand or asks its handler. They
  // differ only while the turn passes.
  Hand* turn_ ABSL_GUARDED_BY(mu_) = nullptr;
  Hand* busy_ ABSL_GUARDED_BY(mu_) = nullptr;
};

}  // namespace weir

#endif  // WEIR_HOST_DISPATCH_HANDLER_QUEUE_H_
