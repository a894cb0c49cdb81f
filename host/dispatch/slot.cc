#include "host/dispatch/slot.h"

#include <pthread.h>

#include <algorithm>
#include <array>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "host/dispatch/let_go.h"
#include "host/log/log.h"

namespace weir {
namespace {

// Abandoned slots. Their threads may come back at any time, so they are never
// destroyed, and they stay reachable so that a leak checker knows of them.
void KeepForEver(std::shared_ptr<Slot> slot) {
  static Mutex& mu = *new Mutex;
  static auto& kept = *new std::vector<std::shared_ptr<Slot>>;
  MutexLock lock(&mu);
  kept.push_back(std::move(slot));
}

// Calls foreign code. Returns false if it threw.
template <typename Call>
bool Guarded(const Call& call) {
  try {
    call();
    return true;
  } catch (...) {
    return false;
  }
}

double CpuSeconds(clockid_t clock) {
  timespec time = {};
  if (clock_gettime(clock, &time) != 0) return 0;
  return static_cast<double>(time.tv_sec) +
         static_cast<double>(time.tv_nsec) * 1e-9;
}

}  // namespace

Slot::Slot(HandlerOptions options, std::unique_ptr<Handler> handler,
           const SlotContext& context)
    : options_(std::move(options)),
      log_area_(absl::StrCat("plugins/", options_.name)),
      context_(context),
      handler_(std::move(handler)),
      takes_all_sources_(options_.sources.empty()) {
  for (const std::string& source : options_.sources) {
    sources_.set(context_.sources.Intern(source));
  }
}

absl::StatusOr<int64_t> Slot::Start() {
  try {
    worker_ = std::thread([this] { Work(); });
  } catch (const std::system_error& e) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no thread for the handler: ", e.what()));
  }
  const absl::Time deadline = absl::Now() + options_.create_deadline;
  absl::StatusOr<int64_t> result = absl::DeadlineExceededError(absl::StrCat(
      "not ready after ", absl::FormatDuration(options_.create_deadline),
      "; its thread is abandoned"));
  bool in_time = true;
  {
    MutexLock lock(&mu_);
    while (!started_.has_value()) {
      const absl::Duration left = deadline - absl::Now();
      if (left <= absl::ZeroDuration()) break;
      changed_.WaitFor(&mu_, left);
    }
    in_time = started_.has_value();
    if (in_time) result = *std::move(started_);
    abandoned_ = !in_time;
  }
  if (!in_time) {
    worker_.detach();
    KeepForEver(shared_from_this());
  } else if (!result.ok()) {
    JoinOrAbandon();
  }
  return result;
}

void Slot::Work() {
  pthread_setname_np(pthread_self(), options_.name.substr(0, 15).c_str());
  if (clockid_t clock; pthread_getcpuclockid(pthread_self(), &clock) == 0) {
    MutexLock lock(&mu_);
    cpu_clock_ = clock;
  }
  absl::StatusOr<int64_t> created = Create();
  if (abandoned()) return;
  const bool destroy = created.ok();
  if (created.ok()) created = AskFirst();
  const bool running = created.ok();
  {
    MutexLock lock(&mu_);
    if (abandoned_) return;
    started_ = std::move(created);
  }
  changed_.NotifyAll();
  if (running) Loop();
  if (abandoned()) return;
  if (destroy && !Guarded([this] { handler_->Destroy(); })) {
    LogWarning(log_area_, "threw while it was destroyed");
  }
  MutexLock lock(&mu_);
  if (cpu_clock_.has_value()) cpu_seconds_ = CpuSeconds(*cpu_clock_);
  cpu_clock_.reset();
  worker_ended_ = true;
  changed_.NotifyAll();
}

absl::StatusOr<int64_t> Slot::Create() {
  absl::Status created = absl::InternalError("threw while it was created");
  Guarded([&] { created = handler_->Create(); });
  if (!created.ok()) return created;
  return 0;
}

absl::StatusOr<int64_t> Slot::AskFirst() {
  int64_t requested = 0;
  if (!Guarded([&] { requested = handler_->QueueCapacity(); })) {
    return absl::InvalidArgumentError("threw when asked for its capacity");
  }
  if (requested <= 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "queue capacity ", requested, "; QueueCapacity must return 1 or more"));
  }
  const int64_t wished = options_.capacity > 0 ? options_.capacity : requested;
  const int64_t limit = std::max(options_.max_capacity, uint32_t{1});
  if (wished > limit) {
    LogWarning(log_area_, "queue capacity ", wished,
               " clamped to the limit of ", limit);
  }
  queue_ = std::make_unique<HandlerQueue>(
      HandlerQueueOptions{
          .policy = options_.policy,
          .capacity = static_cast<uint32_t>(std::min(wished, limit)),
          .seed = options_.seed,
          .max_queued_bytes = context_.max_queued_bytes,
      },
      wants_, context_.pool, context_.clock);
  for (size_t type = 0; !abandoned() && type < context_.types.size(); ++type) {
    const auto id = static_cast<uint16_t>(type);
    wants_.Set(id, Ask(id));
  }
  return requested;
}

bool Slot::Ask(uint16_t type) {
  const absl::string_view name = context_.types.Name(type);
  bool wanted = false;
  if (!Guarded([&] { wanted = handler_->WantsMessage(name); })) return false;
  return wanted;
}

bool Slot::abandoned() const {
  MutexLock lock(&mu_);
  return abandoned_;
}

void Slot::Offer(const Message* first, int64_t now_ns) {
  std::array<const Message*, HandlerQueue::kMaxRun> run;
  size_t n = 0;
  uint32_t not_wanted = 0;
  for (const Message* message = first; message != nullptr;
       message = message->next) {
    const uint32_t source = message->view.source_id;
    if (!takes_all_sources_ &&
        !(source < sources_.size() && sources_[source])) {
      continue;
    }
    const uint16_t type = message->view.type_id;
    if (wants_.Get(type) == Wants::kNo) {
      not_wanted += type == kTypeRaw ? 0 : 1;
      continue;
    }
    run[n++] = message;
    if (n < run.size()) continue;
    queue_->PushRun(run, std::exchange(not_wanted, 0), now_ns);
    n = 0;
  }
  if (n > 0 || not_wanted > 0) {
    queue_->PushRun({run.data(), n}, not_wanted, now_ns);
  }
}

void Slot::Loop() {
  while (true) {
    const HandlerQueue::Run run = queue_->Take(run_length_);
    if (run.undecided_type.has_value()) {
      const bool wanted = Ask(*run.undecided_type);
      queue_->Decide(*run.undecided_type, wanted);
    } else if (run.messages.empty() || !Handle(run)) {
      return;
    }
  }
}

// Returns false if the slot was abandoned meanwhile. Then it touches nothing
// that may be gone.
bool Slot::Handle(const HandlerQueue::Run& run) {
  const int64_t begin_ns = context_.clock.MonotonicNs();
  run_begin_ns_.store(begin_ns, std::memory_order_relaxed);
  absl::Span<const Message* const> todo = run.messages;
  // The clock is read before anything is let go of: what receipts do is not the
  // handler's time.
  while (true) {
    const bool threw = !CallHandler(todo);
    const std::optional<HandlerQueue::Settled> settled = queue_->Settle(threw);
    if (!settled.has_value()) return false;
    const size_t gone = settled->finished + settled->lost;
    if (gone == todo.size()) Record(run, begin_ns);
    LetGo(todo.first(settled->finished));
    LetGoLost(todo.subspan(settled->finished, settled->lost));
    todo.remove_prefix(gone);
    if (todo.empty()) return true;
  }
}

bool Slot::CallHandler(absl::Span<const Message* const> messages) {
  return Guarded([&] {
    handler_->HandleMessages(messages, queue_->done(), queue_->errors());
  });
}

// One pair of clock readings for a run: a reading costs more than some handlers
// do for a message.
void Slot::Record(const HandlerQueue::Run& run, int64_t begin_ns) {
  const int64_t end_ns = context_.clock.MonotonicNs();
  const size_t n = run.messages.size();
  const auto each_ns = static_cast<uint64_t>(end_ns - begin_ns) / n;
  const int64_t age_ns = std::max(int64_t{0}, begin_ns - run.enqueue_ns);
  // An eighth: follows a change of pace within a few runs.
  mean_ns_ += (static_cast<double>(each_ns) - mean_ns_) / 8;
  run_length_ = static_cast<size_t>(
      std::clamp(static_cast<double>(kRunNs) / std::max(mean_ns_, 1.0), 1.0,
                 static_cast<double>(HandlerQueue::kMaxRun)));
  MutexLock lock(&mu_);
  handle_.Record(each_ns, n, end_ns);
  queue_age_.Record(static_cast<uint64_t>(age_ns), n, end_ns);
  rate_.Add(n, end_ns);
}

uint64_t Slot::Stop(absl::Duration drain) {
  queue_->StopIntake();
  queue_->WaitUntilIdle(drain);
  uint64_t discarded = queue_->Discard();
  JoinOrAbandon();
  if (abandoned()) {
    const uint64_t unfinished = queue_->Abandon();
    discarded += unfinished > 0 ? unfinished - 1 : 0;
    LogError(log_area_, "still in a call ", absl::FormatDuration(kGrace),
             " after it had to end; abandoned with its thread");
  }
  return discarded;
}

void Slot::JoinOrAbandon() {
  const absl::Time end = absl::Now() + kGrace;
  bool ended = false;
  {
    MutexLock lock(&mu_);
    while (!worker_ended_) {
      const absl::Duration left = end - absl::Now();
      if (left <= absl::ZeroDuration()) break;
      changed_.WaitFor(&mu_, left);
    }
    ended = worker_ended_;
    abandoned_ = !ended;
  }
  if (ended) {
    worker_.join();
  } else {
    worker_.detach();
    KeepForEver(shared_from_this());
  }
}

HandlerStats Slot::Stats() {
  const int64_t now_ns = context_.clock.MonotonicNs();
  const HandlerQueue::Snapshot snapshot = queue_->Read(now_ns);
  HandlerStats stats;
  stats.books = snapshot.books;
  stats.capacity = queue_->capacity();
  stats.high_water = snapshot.high_water;
  stats.queued_bytes = snapshot.queued_bytes;
  if (snapshot.oldest_ns.has_value()) {
    stats.oldest_queued = absl::Nanoseconds(now_ns - *snapshot.oldest_ns);
  }
  stats.blocked_time = absl::Nanoseconds(snapshot.blocked_ns);
  stats.blocking = snapshot.blocking;
  stats.last_drop = snapshot.last_drop_ns.has_value()
                        ? context_.clock.Now() -
                              absl::Nanoseconds(now_ns - *snapshot.last_drop_ns)
                        : absl::InfinitePast();
  for (size_t type = 0; type < context_.types.size(); ++type) {
    if (wants_.Get(static_cast<uint16_t>(type)) == Wants::kYes) {
      stats.wanted_types.emplace_back(context_.types.Name(type));
    }
  }
  MutexLock lock(&mu_);
  stats.queue_age = queue_age_.Read(now_ns);
  stats.handle = handle_.Read(now_ns);
  stats.messages_per_second = rate_.PerSecond(now_ns);
  stats.cpu_seconds =
      cpu_clock_.has_value() ? CpuSeconds(*cpu_clock_) : cpu_seconds_;
  stats.busy_for = BusyForLocked(snapshot, now_ns);
  return stats;
}

// The time of a message's begin is known for the first of a run only. For the
// others it is at least the time since somebody last looked and saw the same.
absl::Duration Slot::BusyForLocked(const HandlerQueue::Snapshot& snapshot,
                                   int64_t now_ns) {
  const Books& books = snapshot.books;
  const uint64_t finished =
      books.processed_ok + books.processed_error + books.lost_in_crash;
  if (std::exchange(last_finished_, finished) != finished) {
    last_progress_ns_ = now_ns;
  }
  const int64_t begin_ns = run_begin_ns_.load(std::memory_order_relaxed);
  if (books.in_flight == 0) return absl::ZeroDuration();
  if (snapshot.run_done == 0) last_progress_ns_ = begin_ns;
  return absl::Nanoseconds(
      std::max(int64_t{0}, now_ns - std::max(begin_ns, last_progress_ns_)));
}

}  // namespace weir
