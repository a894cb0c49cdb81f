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
    : seed_(options.seed),
      max_queued_bytes_(options.max_queued_bytes),
      redeliver_once_(options.redeliver_once),
      wants_(wants),
      pool_(pool),
      clock_(clock),
      policy_(options.policy),
      capacity_(options.capacity),
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
    wake = ShouldWakeLocked();
  }
  if (wake) pushed_.NotifyOne();
  LetGoLost({push.displaced.data(), push.n_displaced});
  if (push.kept == offered) return;
  if (push.lost) messages.front()->batch->MarkLost();
  messages.front()->batch->LetGo(offered - push.kept);
}

void HandlerQueue::PlaceLocked(const Message& message, Push& push) {
  if (BlocksLocked()) WaitForRoomLocked(push);
  const Wants wants = wants_.Get(message.view.type_id);
  if (wants == Wants::kNo) {  // The answer came since the caller looked.
    return CountUnwantedLocked(message.view.type_id);
  }
  if (intake_ != Intake::kQueue) {
    return DropLocked(intake_ == Intake::kQuarantined
                          ? &Books::dropped_quarantined
                          : &Books::dropped_not_running,
                      push);
  }
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

bool HandlerQueue::BlocksLocked() const {
  return policy_ == QueuePolicy::kBlock && intake_ == Intake::kQueue && !held_;
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
  while (BlocksLocked() && FullLocked(push)) {
    if (ShouldWakeLocked()) pushed_.NotifyOne();
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
  At(size_) = {&message, static_cast<uint64_t>(push.now_ns), undecided, 0};
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

bool HandlerQueue::ShouldWakeLocked() {
  return size_ > 0 && !held_ && std::exchange(worker_waits_, false);
}

HandlerQueue::Run HandlerQueue::Take(Hand& hand, size_t max,
                                     absl::Duration tick_in) {
  MutexLock lock(&mu_);
  const bool ticks = tick_in < absl::InfiniteDuration();
  absl::Time tick_at = absl::InfinitePast();  // Known once we have to wait.
  bool tick = ticks && tick_in <= absl::ZeroDuration();
  while (!hand.ended_ && !hand.called_ &&
         (turn_ != &hand || held_ || (size_ == 0 && !tick))) {
    if (turn_ != &hand) {
      turn_changed_.Wait(&mu_);
      continue;
    }
    worker_waits_ = true;
    idle_.NotifyAll();
    if (!ticks || held_) {
      pushed_.Wait(&mu_);
      continue;
    }
    const absl::Time now = absl::Now();
    if (tick_at == absl::InfinitePast()) tick_at = now + tick_in;
    if (now < tick_at) {
      pushed_.WaitFor(&mu_, tick_at - now);
    } else {
      tick = true;
    }
  }
  if (turn_ == &hand) worker_waits_ = false;
  Run run;
  run.losses = Losses::Of(books_);
  if (hand.ended_) return run;
  if (std::exchange(hand.called_, false)) {
    hand.asking_ = turn_ == &hand;
    if (hand.asking_) busy_ = &hand;
    run.called = true;
    return run;
  }
  busy_ = &hand;
  if (tick) {
    hand.asking_ = true;
    run.tick = true;
    return run;
  }
  if (At(0).undecided) {
    hand.asking_ = true;
    run.undecided_type = At(0).message->view.type_id;
    return run;
  }
  run.enqueue_ns = static_cast<int64_t>(At(0).enqueue_ns);
  hand.begin_ = 0;
  hand.redelivered_ = run.redelivered = At(0).redelivered;
  for (max = std::min(max, kMaxRun);
       hand.taken_ < max && size_ > 0 && !At(0).undecided &&
       (hand.taken_ == 0 || !At(0).redelivered);
       ++hand.taken_) {
    const Entry entry = PopLocked();
    hand.messages_[hand.taken_] = entry.message;
    hand.enqueue_ns_[hand.taken_] = static_cast<int64_t>(entry.enqueue_ns);
  }
  run.messages = {hand.messages_.data(), hand.taken_};
  return run;
}

bool HandlerQueue::Done(Hand& hand) {
  MutexLock lock(&mu_);
  if (hand.abandoned_) return false;
  hand.asking_ = false;
  FinishRunLocked(hand);
  return true;
}

void HandlerQueue::Call(Hand& hand) {
  MutexLock lock(&mu_);
  hand.called_ = true;
  pushed_.NotifyAll();
  turn_changed_.NotifyAll();
}

void HandlerQueue::Decide(Hand& hand, uint16_t type, bool wanted) {
  std::vector<const Message*> unwanted;
  bool room = false;
  {
    MutexLock lock(&mu_);
    if (hand.abandoned_) return;
    hand.asking_ = false;
    FinishRunLocked(hand);
    wants_.Set(type, wanted);
    SortOutLocked(unwanted);
    room = !unwanted.empty() && blocked_producers_ > 0;
  }
  if (room) room_.NotifyAll();
  LetGoUnwanted(unwanted);
}

// Looks at what waits by the answers that there are now.
void HandlerQueue::SortOutLocked(std::vector<const Message*>& unwanted) {
  size_t kept = 0;
  for (size_t i = 0; i < size_; ++i) {
    Entry entry = At(i);
    const uint16_t type = entry.message->view.type_id;
    const Wants wants = wants_.Get(type);
    if (entry.undecided && wants != Wants::kUnknown) {
      --undecided_;
      entry.undecided = 0;
      if (wants == Wants::kNo) {
        CountUnwantedLocked(type);
      } else {
        ++books_.offered;
        ++books_.enqueued;
      }
    } else if (wants == Wants::kNo) {
      ++books_.discarded_on_unload;
    }
    if (wants == Wants::kNo) {
      bytes_ -= entry.message->view.base_len;
      unwanted.push_back(entry.message);
    } else {
      At(kept++) = entry;
    }
  }
  size_ = kept;
}

std::optional<HandlerQueue::Settled> HandlerQueue::Settle(Hand& hand,
                                                          RunEnd end) {
  Settled settled;
  bool room = false;
  {
    MutexLock lock(&mu_);
    if (hand.abandoned_) return std::nullopt;
    const Progress progress = ProgressLocked();
    const size_t open = hand.taken_ - progress.done;
    bool again = false;
    books_.processed_ok += progress.ok;
    books_.processed_error += progress.done - progress.ok;
    settled.finished = progress.done;
    switch (end) {
      case RunEnd::kReturned:
        settled.lost = open;
        break;
      case RunEnd::kThrew:
        if (open == 0) break;
        MarkFailed(*hand.messages_[hand.begin_ + progress.done]);
        ++books_.processed_error;
        ++settled.finished;
        break;
      case RunEnd::kDied:
        settled.put_back = open;
        break;
      case RunEnd::kDiedInOne:
        again = open > 0 && GivesAgainLocked(hand, progress.done);
        settled.lost = again ? 0 : std::min(open, size_t{1});
        settled.put_back = open - settled.lost;
        break;
    }
    books_.lost_in_crash += settled.lost;
    const auto gone = static_cast<uint32_t>(settled.finished + settled.lost);
    CountRedeliveredLocked(hand, gone);
    if (settled.put_back > 0) PutBackLocked(hand, hand.begin_ + gone);
    if (again) At(0).redelivered = 1;
    hand.begin_ += gone;
    hand.taken_ -= gone;
    hand.seen_ok_ = 0;
    hand.done_.store(0, std::memory_order_relaxed);
    hand.errors_.store(0, std::memory_order_relaxed);
    FinishRunLocked(hand);
    room = blocked_producers_ > 0;
  }
  if (room) room_.NotifyAll();
  return settled;
}

// Whether the message at `index` of what is left of the run, which its worker
// died of, waits once more. One that was given a second time does not.
bool HandlerQueue::GivesAgainLocked(const Hand& hand, size_t index) const {
  return redeliver_once_ && !(hand.redelivered_ && hand.begin_ + index == 0);
}

// The first `gone` messages of what is left of the run are out of it.
void HandlerQueue::CountRedeliveredLocked(Hand& hand, size_t gone) {
  if (gone == 0 || !std::exchange(hand.redelivered_, false)) return;
  ++redelivered_;
}

// Puts what is left of the run, from `begin` on, before what waits.
void HandlerQueue::PutBackLocked(Hand& hand, size_t begin) {
  const size_t end = hand.begin_ + hand.taken_;
  hand.taken_ -= static_cast<uint32_t>(end - begin);
  for (size_t i = end; i > begin; --i) {
    if (size_ == ring_.size()) GrowLocked();
    head_ = (head_ - 1) & (ring_.size() - 1);
    // One that was to be given a second time, and was not touched, still is.
    const bool redelivered = i == 1 && hand.redelivered_;
    ring_[head_] = {hand.messages_[i - 1],
                    static_cast<uint64_t>(hand.enqueue_ns_[i - 1]), 0,
                    redelivered};
    ++size_;
    bytes_ += hand.messages_[i - 1]->view.base_len;
  }
}

void HandlerQueue::FinishRunLocked(Hand& hand) {
  if (hand.taken_ > 0 || hand.asking_ || busy_ != &hand) return;
  busy_ = nullptr;
  if (turn_ != &hand) idle_.NotifyAll();
}

bool HandlerQueue::BusyLocked() const { return busy_ != nullptr; }

bool HandlerQueue::PassTurn(Hand* next, absl::Duration timeout,
                            const std::function<void()>& then) {
  const absl::Time end = absl::Now() + timeout;
  std::vector<const Message*> unwanted;
  {
    MutexLock lock(&mu_);
    Hand* const before = std::exchange(turn_, nullptr);
    absl::Duration left = timeout;
    while (BusyLocked() && left > absl::ZeroDuration()) {
      idle_.WaitFor(&mu_, left);
      left = end - absl::Now();
    }
    if (BusyLocked()) {
      turn_ = before != nullptr && before->ended_ ? nullptr : before;
      turn_changed_.NotifyAll();
      return false;
    }
    turn_ = next;
    worker_waits_ = false;
    if (then) {
      then();
      SortOutLocked(unwanted);
    }
  }
  pushed_.NotifyAll();
  turn_changed_.NotifyAll();
  if (!unwanted.empty()) room_.NotifyAll();
  LetGoUnwanted(unwanted);
  return true;
}

void HandlerQueue::End(Hand& hand) {
  MutexLock lock(&mu_);
  hand.ended_ = true;
  if (turn_ == &hand) turn_ = nullptr;
  pushed_.NotifyAll();
  turn_changed_.NotifyAll();
  idle_.NotifyAll();
}

bool HandlerQueue::Abandon(Hand& hand) {
  absl::Span<const Message* const> finished;
  absl::Span<const Message* const> lost;
  {
    MutexLock lock(&mu_);
    if (std::exchange(hand.abandoned_, true) || busy_ != &hand) return false;
    const Progress progress = ProgressLocked();
    const size_t open = hand.taken_ - progress.done;
    finished = {hand.messages_.data() + hand.begin_, progress.done};
    const bool again = open > 0 && GivesAgainLocked(hand, progress.done);
    lost = {finished.end(), again ? 0 : std::min(open, size_t{1})};
    books_.processed_ok += progress.ok;
    books_.processed_error += progress.done - progress.ok;
    books_.lost_in_crash += lost.size();
    // It may come back and read on in its run, while others handle the rest.
    for (size_t i = 0; i < open; ++i) {
      lost.data()[i]->batch->KeepMemory();
    }
    const size_t gone = progress.done + lost.size();
    CountRedeliveredLocked(hand, gone);
    if (open > lost.size()) PutBackLocked(hand, hand.begin_ + gone);
    if (again) At(0).redelivered = 1;
    hand.taken_ = 0;
    hand.asking_ = false;
    hand.seen_ok_ = 0;
    FinishRunLocked(hand);
    idle_.NotifyAll();
  }
  LetGo(finished);
  LetGoAbandoned(lost);
  return !lost.empty();
}

void HandlerQueue::SetIntake(Intake intake) {
  {
    MutexLock lock(&mu_);
    intake_ = intake;
  }
  room_.NotifyAll();
}

void HandlerQueue::Hold(bool held) {
  {
    MutexLock lock(&mu_);
    held_ = held;
    // Also one that only waits for its next tick.
    if (!held) pushed_.NotifyAll();
  }
  room_.NotifyAll();
  idle_.NotifyAll();
}

void HandlerQueue::SetPolicy(QueuePolicy policy) {
  {
    MutexLock lock(&mu_);
    policy_ = policy;
  }
  room_.NotifyAll();
}

void HandlerQueue::SetCapacity(uint32_t capacity) {
  assert(capacity > 0);
  {
    MutexLock lock(&mu_);
    if (std::exchange(capacity_, capacity) == capacity) return;
    linear_drop_ = LinearDrop(capacity, seed_);
  }
  room_.NotifyAll();
}

bool HandlerQueue::WaitUntilIdle(absl::Duration timeout) {
  const absl::Time end = absl::Now() + timeout;
  MutexLock lock(&mu_);
  while (BusyLocked() ||
         (turn_ != nullptr && ((size_ > 0 && !held_) || !worker_waits_))) {
    const absl::Duration left = end - absl::Now();
    if (left <= absl::ZeroDuration()) return false;
    idle_.WaitFor(&mu_, left);
  }
  return size_ == 0;
}

uint64_t HandlerQueue::Discard() {
  std::vector<const Message*> discarded;
  uint64_t count = 0;
  {
    MutexLock lock(&mu_);
    count = size_ - undecided_;
    books_.discarded_on_unload += count;
    books_.offered += undecided_;
    books_.dropped_not_running += undecided_;
    discarded.reserve(size_);
    while (size_ > 0) discarded.push_back(PopLocked().message);
  }
  room_.NotifyAll();
  idle_.NotifyAll();
  LetGoLost(discarded);
  return count;
}

Books HandlerQueue::CloseBooks() {
  MutexLock lock(&mu_);
  books_closed_ = true;
  return BooksLocked();
}

uint32_t HandlerQueue::capacity() const {
  MutexLock lock(&mu_);
  return capacity_;
}

void HandlerQueue::ResetHighWater() {
  MutexLock lock(&mu_);
  high_water_ = static_cast<uint32_t>(FillLocked());
}

size_t HandlerQueue::FillLocked() const {
  if (busy_ == nullptr) return size_;
  const uint32_t taken = busy_->taken_;
  return size_ + taken -
         std::min(taken, busy_->done_.load(std::memory_order_acquire));
}

// The handler counts an error before it counts the message as done, so `errors`
// may be one ahead. Then one message that is fine looks like an error, for a
// moment; remembering what was fine before keeps each count from going back.
HandlerQueue::Progress HandlerQueue::ProgressLocked() const {
  Progress progress = {};
  if (busy_ == nullptr) return progress;
  progress.done =
      std::min(busy_->taken_, busy_->done_.load(std::memory_order_acquire));
  const uint32_t errors =
      std::min(progress.done, busy_->errors_.load(std::memory_order_acquire));
  busy_->seen_ok_ = std::max(busy_->seen_ok_, progress.done - errors);
  progress.ok = busy_->seen_ok_;
  return progress;
}

Books HandlerQueue::BooksLocked() const {
  const Progress progress = ProgressLocked();
  const uint32_t open = busy_ == nullptr ? 0 : busy_->taken_ - progress.done;
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

std::optional<MessageCopy> HandlerQueue::InFlight() const {
  MutexLock lock(&mu_);
  const uint32_t done = ProgressLocked().done;
  if (busy_ == nullptr || done >= busy_->taken_) return std::nullopt;
  return CopyMessage(*busy_->messages_[busy_->begin_ + done]);
}

HandlerQueue::Snapshot HandlerQueue::Read(int64_t now_ns) const {
  MutexLock lock(&mu_);
  Snapshot snapshot;
  snapshot.books = BooksLocked();
  snapshot.run_done = ProgressLocked().done;
  snapshot.asking = busy_ != nullptr && busy_->asking_;
  snapshot.high_water = high_water_;
  snapshot.queued_bytes = bytes_;
  if (busy_ != nullptr) {
    const size_t waiting = busy_->begin_ + snapshot.run_done + 1;
    const size_t end = busy_->begin_ + busy_->taken_;
    for (size_t i = waiting; i < end; ++i) {
      snapshot.queued_bytes += busy_->messages_[i]->view.base_len;
    }
    if (waiting < end) snapshot.oldest_ns = busy_->enqueue_ns_[waiting];
  }
  if (!snapshot.oldest_ns.has_value() && size_ > 0) {
    snapshot.oldest_ns = static_cast<int64_t>(ring_[head_].enqueue_ns);
  }
  snapshot.blocking = blocked_producers_ > 0;
  snapshot.blocked_ns =
      blocked_ns_ + (snapshot.blocking ? now_ns - blocked_since_ns_ : 0);
  snapshot.last_drop_ns = last_drop_ns_;
  snapshot.redelivered = redelivered_;
  return snapshot;
}

}  // namespace weir
