#include "host/dispatch/instance.h"

#include <pthread.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "host/dispatch/let_go.h"
#include "host/log/log.h"
#include "host/pipeline/handler_slot.h"

namespace weir {
namespace {

// Abandoned instances. Their threads may come back at any time, so they are
// never destroyed, and they stay reachable so that a leak checker knows of
// them.
void KeepForEver(std::shared_ptr<Instance> instance) {
  static Mutex& mu = *new Mutex;
  static auto& kept = *new std::vector<std::shared_ptr<Instance>>;
  MutexLock lock(&mu);
  kept.push_back(std::move(instance));
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

double ReadCpuSeconds(clockid_t clock) {
  timespec time = {};
  if (clock_gettime(clock, &time) != 0) return 0;
  return static_cast<double>(time.tv_sec) +
         static_cast<double>(time.tv_nsec) * 1e-9;
}

}  // namespace

Instance::Instance(std::shared_ptr<Handler> handler,
                   std::shared_ptr<InstancePlace> place,
                   std::function<void()> on_gone)
    : handler_(std::move(handler)),
      place_(std::move(place)),
      on_gone_(std::move(on_gone)) {}

absl::StatusOr<int64_t> Instance::Start(absl::Duration deadline) {
  try {
    worker_ = std::thread([this] { Work(); });
  } catch (const std::system_error& e) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no thread for the handler: ", e.what()));
  }
  const absl::Time end = absl::Now() + deadline;
  std::optional<absl::StatusOr<int64_t>> result;
  {
    MutexLock lock(&mu_);
    while (!started_.has_value()) {
      const absl::Duration left = end - absl::Now();
      if (left <= absl::ZeroDuration()) break;
      changed_.WaitFor(&mu_, left);
    }
    result = started_;
  }
  if (result.has_value() && result->ok()) return *result;
  const bool can_end = result.has_value() || handler_->Kill("create deadline");
  const bool ended = (can_end && WaitForEnd(HandlerSlot::kGrace)) || !Abandon();
  if (result.has_value()) return *result;
  return absl::DeadlineExceededError(
      absl::StrCat("not ready after ", absl::FormatDuration(deadline),
                   ended ? "; it was killed" : "; its thread is abandoned"));
}

void Instance::Work() {
  const absl::string_view area = place_->log_area;
  const size_t slash = area.find('/');
  const std::string name(
      area.substr(slash == absl::string_view::npos ? 0 : slash + 1, 15));
  pthread_setname_np(pthread_self(), name.c_str());
  if (clockid_t clock; pthread_getcpuclockid(pthread_self(), &clock) == 0) {
    MutexLock lock(&mu_);
    cpu_clock_ = clock;
  }
  absl::StatusOr<int64_t> started = CreateAndAsk();
  if (abandoned()) return;
  const bool running = started.ok();
  {
    MutexLock lock(&mu_);
    if (abandoned_) return;
    started_ = std::move(started);
  }
  changed_.NotifyAll();
  Next next = Next::kGoOn;
  if (running) next = Loop();
  if (next == Next::kAbandoned || abandoned()) return;
  if (next == Next::kGoOn && created_ &&
      !Guarded([this] { handler_->Destroy(); })) {
    LogWarning(place_->log_area, "threw while it was destroyed");
  }
  FinishThread();
}

void Instance::FinishThread() {
  MutexLock lock(&mu_);
  if (abandoned_) return;
  if (cpu_clock_.has_value()) {
    place_->meter.AddCpuSeconds(ReadCpuSeconds(*cpu_clock_));
  }
  cpu_clock_.reset();
  worker_ended_ = true;
  changed_.NotifyAll();
}

absl::StatusOr<int64_t> Instance::CreateAndAsk() {
  absl::Status created = absl::InternalError("threw while it was created");
  Guarded([&] { created = handler_->Create(); });
  if (!created.ok()) return created;
  created_ = true;
  int64_t requested = 0;
  if (!Guarded([&] { requested = handler_->QueueCapacity(); })) {
    return absl::InvalidArgumentError("threw when asked for its capacity");
  }
  if (requested <= 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "queue capacity ", requested, "; QueueCapacity must return 1 or more"));
  }
  for (size_t type = 0; !abandoned() && type < place_->types.size(); ++type) {
    answers_.push_back(Ask(static_cast<uint16_t>(type)));
  }
  Guarded([&] {
    // So that a moment in the future is always a number.
    tick_interval_ = std::min(handler_->TickInterval(), absl::Hours(24 * 365));
  });
  Guarded([&] {
    look_interval_ = std::min(handler_->LookInterval(), absl::Hours(24 * 365));
  });
  next_look_ns_ = place_->clock.MonotonicNs();
  next_tick_ns_ = next_look_ns_ + absl::ToInt64Nanoseconds(tick_interval_);
  return requested;
}

bool Instance::Ask(uint16_t type) {
  const absl::string_view name = place_->types.Name(type);
  bool wanted = false;
  if (!Guarded([&] { wanted = handler_->WantsMessage(name); })) return false;
  return wanted;
}

void Instance::TellAnswers() {
  for (size_t type = 0; type < NameTable::kMaxNames; ++type) {
    const auto id = static_cast<uint16_t>(type);
    if (type < answers_.size()) {
      place_->wants.Set(id, answers_[type]);
    } else {
      place_->wants.Forget(id);
    }
  }
}

bool Instance::abandoned() const {
  MutexLock lock(&mu_);
  return abandoned_;
}

Instance::Next Instance::Loop() {
  while (true) {
    const HandlerQueue::Run run =
        place_->queue.Take(hand_, run_length_, NextTickIn());
    if (run.losses != told_losses_) {
      told_losses_ = run.losses;
      Guarded([this] { handler_->TellLosses(told_losses_); });
    }
    if (run.called || run.tick) {
      const Next next = run.tick ? TickOrLook() : (MakeCall(), Next::kGoOn);
      if (!place_->queue.Done(hand_)) return Next::kAbandoned;
      if (next != Next::kGoOn) return Gone();
      continue;
    }
    if (run.undecided_type.has_value()) {
      place_->meter.Begin(place_->clock.MonotonicNs());
      const bool wanted = Ask(*run.undecided_type);
      if (abandoned()) return Next::kAbandoned;
      place_->queue.Decide(hand_, *run.undecided_type, wanted);
      continue;
    }
    if (run.messages.empty()) return Next::kGoOn;
    const Next next = Handle(run);
    if (next != Next::kGoOn) return next;
  }
}

absl::Duration Instance::NextTickIn() const {
  // Most handlers have neither, and each run asks: so no look at the clock.
  if (tick_interval_ <= absl::ZeroDuration() &&
      look_interval_ <= absl::ZeroDuration()) {
    return absl::InfiniteDuration();
  }
  const int64_t now_ns = place_->clock.MonotonicNs();
  absl::Duration left = absl::InfiniteDuration();
  if (tick_interval_ > absl::ZeroDuration()) {
    left = absl::Nanoseconds(next_tick_ns_ - now_ns);
  }
  if (look_interval_ > absl::ZeroDuration()) {
    left = std::min(left, absl::Nanoseconds(next_look_ns_ - now_ns));
  }
  return left;
}

Instance::Next Instance::TickOrLook() {
  return Look() && Tick() ? Next::kGoOn : Next::kGone;
}

bool Instance::Look() {
  const int64_t now_ns = place_->clock.MonotonicNs();
  if (look_interval_ <= absl::ZeroDuration() || now_ns < next_look_ns_) {
    return true;
  }
  next_look_ns_ = now_ns + absl::ToInt64Nanoseconds(look_interval_);
  place_->meter.Begin(now_ns);
  bool alive = true;
  Guarded([&] { alive = handler_->Look(); });
  return alive;
}

// A tick that is late does not make those after it late; those that were missed
// are not made up for.
bool Instance::Tick() {
  const int64_t now_ns = place_->clock.MonotonicNs();
  // It may be a look's turn, or the clock goes otherwise.
  if (tick_interval_ <= absl::ZeroDuration() || now_ns < next_tick_ns_) {
    return true;
  }
  const int64_t interval_ns = absl::ToInt64Nanoseconds(tick_interval_);
  next_tick_ns_ += interval_ns;
  if (next_tick_ns_ <= now_ns) next_tick_ns_ = now_ns + interval_ns;
  place_->meter.Begin(now_ns);
  bool alive = true;
  Guarded([&] { alive = handler_->Tick(); });
  return alive;
}

void Instance::MakeCall() {
  place_->meter.Begin(place_->clock.MonotonicNs());
  std::function<void(Handler&)> call;
  uint64_t number = 0;
  {
    MutexLock lock(&mu_);
    call = std::exchange(call_, nullptr);
    number = calls_;
  }
  if (!call) return;  // Whoever wanted it has given up.
  Guarded([&] { call(*handler_); });
  MutexLock lock(&mu_);
  calls_made_ = number;
  changed_.NotifyAll();
}

absl::Status Instance::Call(std::function<void(Handler&)> call,
                            absl::Duration timeout) {
  const absl::Time end = absl::Now() + timeout;
  MutexLock lock(&mu_);
  const uint64_t number = ++calls_;
  call_ = std::move(call);
  place_->queue.Call(hand_);
  while (calls_made_ < number) {
    if (worker_ended_ || abandoned_) {
      return absl::NotFoundError("the instance has ended");
    }
    const absl::Duration left = end - absl::Now();
    if (left <= absl::ZeroDuration()) {
      call_ = nullptr;
      return absl::DeadlineExceededError(
          absl::StrCat("not answered within ", absl::FormatDuration(timeout)));
    }
    changed_.WaitFor(&mu_, left);
  }
  return absl::OkStatus();
}

// What ends an instance that died of itself.
Instance::Next Instance::Gone() {
  place_->queue.End(hand_);
  if (on_gone_) on_gone_();
  return Next::kGone;
}

// Returns kAbandoned if the instance was abandoned meanwhile. Then it touches
// nothing that may be gone.
Instance::Next Instance::Handle(const HandlerQueue::Run& run) {
  const int64_t begin_ns = place_->clock.MonotonicNs();
  place_->meter.Begin(begin_ns);
  absl::Span<const Message* const> todo = run.messages;
  if (run.redelivered) Guarded([this] { handler_->TellRedelivery(); });
  // The clock is read before anything is let go of: what receipts do is not the
  // handler's time.
  while (true) {
    const HandlerQueue::RunEnd end = CallHandler(todo);
    const std::optional<HandlerQueue::Settled> settled =
        place_->queue.Settle(hand_, end);
    if (!settled.has_value()) return Next::kAbandoned;
    const size_t gone = settled->finished + settled->lost;
    const bool last = gone + settled->put_back == todo.size();
    if (last) Record(run, run.messages.size() - settled->put_back, begin_ns);
    LetGo(todo.first(settled->finished));
    LetGoLost(todo.subspan(settled->finished, settled->lost));
    todo.remove_prefix(gone);
    if (end == HandlerQueue::RunEnd::kDied ||
        end == HandlerQueue::RunEnd::kDiedInOne) {
      return Gone();
    }
    if (last) return Next::kGoOn;
  }
}

HandlerQueue::RunEnd Instance::CallHandler(
    absl::Span<const Message* const> messages) {
  RunOutcome outcome;
  if (!Guarded([&] {
        outcome =
            handler_->HandleMessages(messages, hand_.done(), hand_.errors());
      })) {
    return HandlerQueue::RunEnd::kThrew;
  }
  if (outcome.alive) return HandlerQueue::RunEnd::kReturned;
  return outcome.lost_one ? HandlerQueue::RunEnd::kDiedInOne
                          : HandlerQueue::RunEnd::kDied;
}

// One pair of clock readings for a run: a reading costs more than some handlers
// do for a message.
void Instance::Record(const HandlerQueue::Run& run, size_t n,
                      int64_t begin_ns) {
  if (n == 0) return;
  const int64_t end_ns = place_->clock.MonotonicNs();
  const auto each_ns = static_cast<uint64_t>(end_ns - begin_ns) / n;
  const int64_t age_ns = std::max(int64_t{0}, begin_ns - run.enqueue_ns);
  // An eighth: follows a change of pace within a few runs.
  mean_ns_ += (static_cast<double>(each_ns) - mean_ns_) / 8;
  run_length_ = static_cast<size_t>(
      std::clamp(static_cast<double>(kRunNs) / std::max(mean_ns_, 1.0), 1.0,
                 static_cast<double>(HandlerQueue::kMaxRun)));
  place_->meter.Record(n, each_ns, static_cast<uint64_t>(age_ns), end_ns);
}

bool Instance::End() {
  handler_->AskToStop(true);
  place_->queue.End(hand_);
  if (WaitForEnd(HandlerSlot::kGrace)) return false;
  if (handler_->Kill("did not end") && WaitForEnd(HandlerSlot::kGrace)) {
    return false;
  }
  const bool lost = place_->queue.Abandon(hand_);
  if (!Abandon()) return lost;
  LogError(place_->log_area, "still in a call ",
           absl::FormatDuration(HandlerSlot::kGrace),
           " after it had to end; abandoned with its thread");
  return lost;
}

bool Instance::WaitForEnd(absl::Duration timeout) {
  const absl::Time end = absl::Now() + timeout;
  {
    MutexLock lock(&mu_);
    while (!worker_ended_) {
      const absl::Duration left = end - absl::Now();
      if (left <= absl::ZeroDuration()) return false;
      changed_.WaitFor(&mu_, left);
    }
  }
  if (worker_.joinable()) worker_.join();
  return true;
}

// Returns false if it has ended in the last moment.
bool Instance::Abandon() {
  bool ended = false;
  {
    MutexLock lock(&mu_);
    ended = worker_ended_;
    abandoned_ = !ended;
  }
  if (ended) {
    worker_.join();
    return false;
  }
  worker_.detach();
  KeepForEver(shared_from_this());
  return true;
}

double Instance::CpuSeconds() const {
  MutexLock lock(&mu_);
  if (!cpu_clock_.has_value()) return 0;
  // The clock of a thread that was abandoned goes with the thread.
  cpu_seconds_ = std::max(cpu_seconds_, ReadCpuSeconds(*cpu_clock_));
  return cpu_seconds_;
}

}  // namespace weir
