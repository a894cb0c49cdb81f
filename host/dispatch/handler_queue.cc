#include "host/dispatch/handler_queue.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <utility>

#include "absl/time/clock.h"
#include "host/dispatch/let_go.h"
#include "host/pipeline/message_batch.h"
#include "host/pipeline/name_table.h"

namespace weir {
namespace {

// What a ring begins with: 16 KiB. Enough for most moments of most handlers.
constexpr size_t kFirstRing = 1024;

// Nobody says that the pool has room again, so whoever blocks for that looks.
// Short enough not to matter beside the time that so many bytes take.
constexpr absl::Duration kBudgetPoll = absl::Milliseconds(10);

}  // namespace

// One PushRun on its way.
struct HandlerQueue::Push {
  int64_t now_ns = 0;
  size_t fill = 0;  // Never less than what is true; see FullLocked.
  bool over_budget = false;
  bool lost = false;
  uint32_t kept = 0;
  size_t n_displaced = 0;
  std::array<const Message*, kMaxRun> displaced;  // Only the first n_displaced.
};

HandlerQueue::HandlerQueue(const HandlerQueueOptions& options,
                           WantsTable& wants, const SlabPool& pool,
                           const Clock& clock)
    : capacity_(options.capacity),
      policy_(options.policy),
      max_queued_bytes_(options.max_queued_bytes),
      wants_(wants),
      pool_(pool),
      clock_(clock),
      linear_drop_(options.capacity, options.seed),
      ring_(std::min(kFirstRing, std::bit_ceil(size_t{options.capacity}))) {
  assert(capacity_ > 0);
}

void HandlerQueue::PushRun(absl::Span<const Message* const> messages,
                           uint32_t not_wanted, int64_t now_ns) {
  assert(messages.size() <= kMaxRun);
  const auto offered = static_cast<uint32_t>(messages.size());
  if (offered > 0) messages.front()->batch->Hold(offered);
  Push push;
  push.now_ns = now_ns;
  push.over_budget = pool_.held_bytes() > max_queued_bytes_;
  bool wake = false;
  {
    MutexLock lock(&mu_);
    if (!books_closed_) {
      books_.offered += not_wanted;
      books_.not_wanted += not_wanted;
    }
    push.fill = FillLocked();
    for (const Message* message : messages) PlaceLocked(*message, push);
    wake = size_ > 0 && std::exchange(worker_waits_, false);
  }
  if (wake) pushed_.NotifyOne();
  LetGoLost({push.displaced.data(), push.n_displaced});
  if (push.kept == offered) return;
  if (push.lost) messages.front()->batch->MarkLost();
  messages.front()->batch->LetGo(offered - push.kept);
}

void HandlerQueue::PlaceLocked(const Message& message, Push& push) {
  if (policy_ == QueuePolicy::kBlock && accepting_) WaitForRoomLocked(push);
  const Wants wants = wants_.Get(message.view.type_id);
  if (wants == Wants::kNo) {  // The answer came since the caller looked.
    return CountUnwantedLocked(message.view.type_id);
  }
  if (!accepting_) return DropLocked(&Books::dropped_not_running, push);
  const bool undecided = wants == Wants::kUnknown;
  if (FullLocked(push) && !DisplaceLocked(undecided, push)) {
    return DropLocked(&Books::dropped_full, push);
  }
  if (policy_ == QueuePolicy::kLinearDrop && 2 * push.fill > capacity_ &&
      linear_drop_.ShouldDrop(push.fill)) {
    return DropLocked(&Books::dropped_policy, push);
  }
  AppendLocked(message, undecided, push);
}

// What the worker finished meanwhile makes room, so look again before saying
// that there is none.
bool HandlerQueue::FullLocked(Push& push) const {
  if (push.fill < capacity_ && !push.over_budget) return false;
  push.fill = FillLocked();
  push.over_budget = pool_.held_bytes() > max_queued_bytes_;
  return push.fill >= capacity_ || (push.over_budget && push.fill > 0);
}

void HandlerQueue::WaitForRoomLocked(Push& push) {
  if (!FullLocked(push)) return;
  if (blocked_producers_++ == 0) blocked_since_ns_ = clock_.MonotonicNs();
  while (accepting_ && FullLocked(push)) {
    WakeWorkerLocked();
    if (push.over_budget) {
      room_.WaitFor(&mu_, kBudgetPoll);
    } else {
      room_.Wait(&mu_);
    }
  }
  push.now_ns = clock_.MonotonicNs();
  if (--blocked_producers_ == 0) blocked_ns_ += push.now_ns - blocked_since_ns_;
}

// Makes room for a newcomer. One that may not be wanted at all displaces none
// that is.
bool HandlerQueue::DisplaceLocked(bool undecided, Push& push) {
  if (policy_ != QueuePolicy::kDropOldest || size_ == 0) return false;
  if (undecided && !At(0).undecided) return false;
  const Entry oldest = PopLocked();
  if (!books_closed_) {
    if (oldest.undecided) {
      ++books_.offered;
    } else {
      --books_.enqueued;  // The newcomer takes this place.
    }
    ++books_.dropped_full;
  }
  last_drop_ns_ = push.now_ns;
  push.displaced[push.n_displaced++] = oldest.message;
  --push.fill;
  return true;
}

void HandlerQueue::DropLocked(uint64_t Books::*reason, Push& push) {
  // A slot that is gone was not offered the message, and so did not lose it.
  if (books_closed_) return;
  ++books_.offered;
  ++(books_.*reason);
  last_drop_ns_ = push.now_ns;
  push.lost = true;
}

void HandlerQueue::AppendLocked(const Message& message, bool undecided,
                                Push& push) {
  if (size_ == ring_.size()) GrowLocked();
  At(size_) = {&message, static_cast<uint64_t>(push.now_ns), undecided};
  ++size_;
  bytes_ += message.view.base_len;
  if (undecided) {
    ++undecided_;
  } else {
    ++books_.offered;
    ++books_.enqueued;
  }
  ++push.kept;
  ++push.fill;
  high_water_ = std::max(high_water_, static_cast<uint32_t>(push.fill));
}

void HandlerQueue::GrowLocked() {
  std::vector<Entry> larger(2 * ring_.size());
  for (size_t i = 0; i < size_; ++i) larger[i] = At(i);
  ring_ = std::move(larger);
  head_ = 0;
}

HandlerQueue::Entry HandlerQueue::PopLocked() {
  const Entry entry = At(0);
  head_ = (head_ + 1) & (ring_.size() - 1);
  --size_;
  undecided_ -= entry.undecided;
  bytes_ -= entry.message->view.base_len;
  return entry;
}

// The raw tap repeats what the decoded messages say, so it is only in the books
// of those who want it.
void HandlerQueue::CountUnwantedLocked(uint16_t type) {
  if (type == kTypeRaw || books_closed_) return;
  ++books_.offered;
  ++books_.not_wanted;
}

void HandlerQueue::WakeWorkerLocked() {
  if (size_ > 0 && std::exchange(worker_waits_, false)) pushed_.NotifyOne();
}

HandlerQueue::Run HandlerQueue::Take(size_t max) {
  MutexLock lock(&mu_);
  while (size_ == 0 && !ended_) {
    worker_waits_ = true;
    idle_.NotifyAll();
    pushed_.Wait(&mu_);
  }
  worker_waits_ = false;
  Run run;
  if (size_ == 0) return run;
  if (At(0).undecided) {
    run.undecided_type = At(0).message->view.type_id;
    return run;
  }
  run.enqueue_ns = static_cast<int64_t>(At(0).enqueue_ns);
  run_begin_ = 0;
  for (max = std::min(max, kMaxRun);
       taken_ < max && size_ > 0 && !At(0).undecided; ++taken_) {
    const Entry entry = PopLocked();
    run_[taken_] = entry.message;
    run_enqueue_ns_[taken_] = static_cast<int64_t>(entry.enqueue_ns);
  }
  run.messages = {run_.data(), taken_};
  return run;
}

void HandlerQueue::Decide(uint16_t type, bool wanted) {
  std::vector<const Message*> unwanted;
  bool room = false;
  {
    MutexLock lock(&mu_);
    wants_.Set(type, wanted);
    size_t kept = 0;
    for (size_t i = 0; i < size_; ++i) {
      Entry entry = At(i);
      if (entry.undecided && entry.message->view.type_id == type) {
        --undecided_;
        entry.undecided = 0;
        if (!wanted) {
          CountUnwantedLocked(type);
          bytes_ -= entry.message->view.base_len;
          unwanted.push_back(entry.message);
          continue;
        }
        ++books_.offered;
        ++books_.enqueued;
      }
      At(kept++) = entry;
    }
    size_ = kept;
    room = !unwanted.empty() && blocked_producers_ > 0;
  }
  if (room) room_.NotifyAll();
  LetGo(unwanted);
}

std::optional<HandlerQueue::Settled> HandlerQueue::Settle(bool threw) {
  Settled settled;
  bool room = false;
  {
    MutexLock lock(&mu_);
    if (abandoned_) return std::nullopt;
    const Progress progress = ProgressLocked();
    books_.processed_ok += progress.ok;
    books_.processed_error += progress.done - progress.ok;
    settled.finished = progress.done;
    if (threw && progress.done < taken_) {
      ++books_.processed_error;
      ++settled.finished;
    } else {
      settled.lost = taken_ - progress.done;
      books_.lost_in_crash += settled.lost;
    }
    const auto gone = static_cast<uint32_t>(settled.finished + settled.lost);
    run_begin_ += gone;
    taken_ -= gone;
    seen_ok_ = 0;
    done_.store(0, std::memory_order_relaxed);
    errors_.store(0, std::memory_order_relaxed);
    room = blocked_producers_ > 0;
  }
  if (room) room_.NotifyAll();
  return settled;
}

void HandlerQueue::StopIntake() {
  {
    MutexLock lock(&mu_);
    accepting_ = false;
  }
  room_.NotifyAll();
}

bool HandlerQueue::WaitUntilIdle(absl::Duration timeout) {
  const absl::Time end = absl::Now() + timeout;
  MutexLock lock(&mu_);
  while (!ended_ && !(size_ == 0 && taken_ == 0 && worker_waits_)) {
    const absl::Duration left = end - absl::Now();
    if (left <= absl::ZeroDuration()) return false;
    idle_.WaitFor(&mu_, left);
  }
  return true;
}

uint64_t HandlerQueue::Discard() {
  std::vector<const Message*> discarded;
  uint64_t count = 0;
  {
    MutexLock lock(&mu_);
    accepting_ = false;
    ended_ = true;
    count = size_ - undecided_;
    books_.discarded_on_unload += count;
    books_.offered += undecided_;
    books_.dropped_not_running += undecided_;
    discarded.reserve(size_);
    while (size_ > 0) discarded.push_back(PopLocked().message);
    worker_waits_ = false;
  }
  pushed_.NotifyOne();
  room_.NotifyAll();
  idle_.NotifyAll();
  LetGoLost(discarded);
  return count;
}

uint64_t HandlerQueue::Abandon() {
  absl::Span<const Message* const> finished;
  absl::Span<const Message* const> rest;
  {
    MutexLock lock(&mu_);
    if (std::exchange(abandoned_, true)) return 0;
    const Progress progress = ProgressLocked();
    finished = {run_.data() + run_begin_, progress.done};
    rest = {run_.data() + run_begin_ + progress.done, taken_ - progress.done};
    books_.processed_ok += progress.ok;
    books_.processed_error += progress.done - progress.ok;
    books_.lost_in_crash += rest.empty() ? 0 : 1;
    books_.discarded_on_unload += rest.empty() ? 0 : rest.size() - 1;
    taken_ = 0;
    seen_ok_ = 0;
  }
  LetGo(finished);
  LetGoAbandoned(rest);
  return rest.size();
}

Books HandlerQueue::CloseBooks() {
  MutexLock lock(&mu_);
  books_closed_ = true;
  return BooksLocked();
}

size_t HandlerQueue::FillLocked() const {
  return size_ + taken_ -
         std::min(taken_, done_.load(std::memory_order_acquire));
}

// The handler counts an error before it counts the message as done, so `errors`
// may be one ahead. Then one message that is fine looks like an error, for a
// moment; remembering what was fine before keeps each count from going back.
HandlerQueue::Progress HandlerQueue::ProgressLocked() const {
  Progress progress;
  progress.done = std::min(taken_, done_.load(std::memory_order_acquire));
  const uint32_t errors =
      std::min(progress.done, errors_.load(std::memory_order_acquire));
  seen_ok_ = std::max(seen_ok_, progress.done - errors);
  progress.ok = seen_ok_;
  return progress;
}

Books HandlerQueue::BooksLocked() const {
  const Progress progress = ProgressLocked();
  const uint32_t open = taken_ - progress.done;
  Books books = books_;
  books.processed_ok += progress.ok;
  books.processed_error += progress.done - progress.ok;
  books.in_flight = open > 0 ? 1 : 0;
  books.queued = size_ - undecided_ + open - books.in_flight;
  return books;
}

Books HandlerQueue::books() const {
  MutexLock lock(&mu_);
  return BooksLocked();
}

HandlerQueue::Snapshot HandlerQueue::Read(int64_t now_ns) const {
  MutexLock lock(&mu_);
  Snapshot snapshot;
  snapshot.books = BooksLocked();
  snapshot.run_done = ProgressLocked().done;
  snapshot.high_water = high_water_;
  snapshot.queued_bytes = bytes_;
  const size_t waiting = run_begin_ + snapshot.run_done + 1;
  const size_t end = run_begin_ + taken_;
  for (size_t i = waiting; i < end; ++i) {
    snapshot.queued_bytes += run_[i]->view.base_len;
  }
  if (waiting < end) {
    snapshot.oldest_ns = run_enqueue_ns_[waiting];
  } else if (size_ > 0) {
    snapshot.oldest_ns = static_cast<int64_t>(ring_[head_].enqueue_ns);
  }
  snapshot.blocking = blocked_producers_ > 0;
  snapshot.blocked_ns =
      blocked_ns_ + (snapshot.blocking ? now_ns - blocked_since_ns_ : 0);
  snapshot.last_drop_ns = last_drop_ns_;
  return snapshot;
}

}  // namespace weir
