#include "host/dispatch/slot.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "host/dispatch/handler_queue.h"
#include "host/log/log.h"

namespace weir {

Slot::Slot(HandlerOptions options, const SlotContext& context)
    : name_(options.name),
      options_(std::move(options)),
      context_(context),
      place_(std::make_shared<InstancePlace>(
          absl::StrCat("plugins/", options_.name),
          HandlerQueueOptions{.policy = options_.policy,
                              .seed = options_.seed,
                              .max_queued_bytes = context.max_queued_bytes,
                              .redeliver_once = options_.redeliver_once},
          context.pool, context.types, context.clock)) {
  SetSources(options_.sources);
  place_->queue.SetIntake(Intake::kNotRunning);
  // Who never ran wanted no raw tap; the source need not make it.
  place_->wants.Set(kTypeRaw, false);
}

// Those of both are offered throughout; who takes all is the last to say so.
void Slot::SetSources(const std::vector<std::string>& sources) {
  std::array<uint64_t, std::tuple_size_v<decltype(sources_)>> bits = {};
  for (const std::string& source : sources) {
    const uint32_t id = context_.sources.Intern(source);
    bits[id / 64] |= uint64_t{1} << id % 64;
  }
  if (!sources.empty()) {
    for (size_t i = 0; i < bits.size(); ++i) sources_[i].store(bits[i]);
  }
  takes_all_sources_.store(sources.empty());
}

void Slot::Configure(const HandlerOptions& options) {
  options_ = options;
  SetSources(options.sources);
  place_->queue.SetPolicy(options.policy);
  int64_t requested = 0;
  {
    MutexLock lock(&mu_);
    const auto has_turn = instances_.find(turn_);
    if (has_turn == instances_.end()) return;
    requested = has_turn->second.requested_capacity;
  }
  place_->queue.SetCapacity(CapacityFor(requested));
}

void Slot::Offer(const Message* first, int64_t now_ns) {
  std::array<const Message*, HandlerQueue::kMaxRun> run;
  size_t n = 0;
  uint32_t not_wanted = 0;
  for (const Message* message = first; message != nullptr;
       message = message->next) {
    if (!Takes(message->view.source_id)) continue;
    const uint16_t type = message->view.type_id;
    if (place_->wants.Get(type) == Wants::kNo) {
      not_wanted += type == kTypeRaw ? 0 : 1;
      continue;
    }
    run[n++] = message;
    if (n < run.size()) continue;
    place_->queue.PushRun(run, std::exchange(not_wanted, 0), now_ns);
    n = 0;
  }
  if (n > 0 || not_wanted > 0) {
    place_->queue.PushRun({run.data(), n}, not_wanted, now_ns);
  }
}

absl::StatusOr<HandlerSlot::Prepared> Slot::Prepare(
    std::shared_ptr<Handler> handler, std::function<void()> on_gone) {
  auto instance = std::make_shared<Instance>(std::move(handler), place_,
                                             std::move(on_gone));
  const absl::StatusOr<int64_t> requested =
      instance->Start(options_.create_deadline);
  if (!requested.ok()) {
    if (instance->abandoned()) context_.abandoned.store(true);
    return requested.status();
  }
  if (options_.capacity == 0 && *requested > options_.max_capacity) {
    LogWarning(place_->log_area, "queue capacity ", *requested,
               " clamped to the limit of ", options_.max_capacity);
  }
  MutexLock lock(&mu_);
  instances_[++last_instance_] = {std::move(instance), *requested};
  return Prepared{last_instance_, *requested};
}

uint32_t Slot::CapacityFor(int64_t requested) const {
  const int64_t wished = options_.capacity > 0 ? options_.capacity : requested;
  const int64_t limit = std::max(options_.max_capacity, uint32_t{1});
  return static_cast<uint32_t>(std::min(wished, limit));
}

std::shared_ptr<Instance> Slot::Find(uint64_t instance) const {
  MutexLock lock(&mu_);
  const auto found = instances_.find(instance);
  return found == instances_.end() ? nullptr : found->second.instance;
}

absl::Status Slot::Switch(uint64_t instance, absl::Duration timeout) {
  Entry next;
  std::shared_ptr<Instance> before;
  {
    MutexLock lock(&mu_);
    const auto found = instances_.find(instance);
    if (instance != 0 && found == instances_.end()) {
      return absl::NotFoundError(
          absl::StrCat("instance ", instance, " has ended"));
    }
    if (instance != 0) next = found->second;
    const auto has_turn = instances_.find(turn_);
    if (has_turn != instances_.end()) before = has_turn->second.instance;
  }
  // A handler that looks comes back early. One that keeps the turn, or waits
  // in case its successor fails, is not asked any more.
  if (before != nullptr) before->AskToStop(true);
  const bool passed =
      next.instance == nullptr
          ? place_->queue.PassTurn(nullptr, timeout)
          : place_->queue.PassTurn(next.instance->hand(), timeout,
                                   [&next] { next.instance->TellAnswers(); });
  if (before != nullptr) before->AskToStop(false);
  if (!passed) {
    return absl::DeadlineExceededError(
        absl::StrCat("the instance before did not finish its message within ",
                     absl::FormatDuration(timeout)));
  }
  if (next.instance != nullptr) {
    place_->queue.SetCapacity(CapacityFor(next.requested_capacity));
  }
  MutexLock lock(&mu_);
  turn_ = instance;
  return absl::OkStatus();
}

absl::Status Slot::Call(uint64_t instance, std::function<void(Handler&)> call,
                        absl::Duration timeout) {
  const std::shared_ptr<Instance> found = Find(instance);
  if (found == nullptr) {
    return absl::NotFoundError(
        absl::StrCat("instance ", instance, " has ended"));
  }
  return found->Call(std::move(call), timeout);
}

void Slot::End(uint64_t instance) {
  Entry entry;
  {
    MutexLock lock(&mu_);
    const auto found = instances_.find(instance);
    if (found == instances_.end()) return;
    entry = std::move(found->second);
    instances_.erase(found);
    leaving_.push_back(entry.instance);
  }
  Leave(entry.instance);
}

// Ends one that is in leaving_.
void Slot::Leave(const std::shared_ptr<Instance>& instance) {
  instance->End();
  if (instance->abandoned()) {
    context_.abandoned.store(true);
    return;
  }
  MutexLock lock(&mu_);
  std::erase(leaving_, instance);
}

void Slot::ResetStats() {
  place_->queue.ResetHighWater();
  place_->meter.Reset();
}

uint64_t Slot::Stop(absl::Duration drain) {
  SetIntake(Intake::kNotRunning);
  Hold(false);
  Drain(drain);
  uint64_t discarded = Discard();
  std::map<uint64_t, Entry> instances;
  {
    MutexLock lock(&mu_);
    instances.swap(instances_);
    for (const auto& [id, entry] : instances) {
      leaving_.push_back(entry.instance);
    }
  }
  for (auto& [id, entry] : instances) Leave(entry.instance);
  // What an abandoned instance left behind in its run.
  discarded += Discard();
  return discarded;
}

HandlerStats Slot::Stats() {
  const int64_t now_ns = context_.clock.MonotonicNs();
  const HandlerQueue::Snapshot snapshot = place_->queue.Read(now_ns);
  HandlerStats stats;
  stats.books = snapshot.books;
  stats.capacity = place_->queue.capacity();
  stats.high_water = snapshot.high_water;
  stats.queued_bytes = snapshot.queued_bytes;
  if (snapshot.oldest_ns.has_value()) {
    stats.oldest_queued = absl::Nanoseconds(now_ns - *snapshot.oldest_ns);
  }
  stats.blocked_time = absl::Nanoseconds(snapshot.blocked_ns);
  stats.blocking = snapshot.blocking;
  stats.redelivered = snapshot.redelivered;
  stats.last_drop = snapshot.last_drop_ns.has_value()
                        ? context_.clock.Now() -
                              absl::Nanoseconds(now_ns - *snapshot.last_drop_ns)
                        : absl::InfinitePast();
  for (size_t type = 0; type < context_.types.size(); ++type) {
    if (place_->wants.Get(static_cast<uint16_t>(type)) == Wants::kYes) {
      stats.wanted_types.emplace_back(context_.types.Name(type));
    }
  }
  place_->meter.Fill(snapshot, now_ns, &stats);
  MutexLock lock(&mu_);
  for (const auto& [id, entry] : instances_) {
    stats.cpu_seconds += entry.instance->CpuSeconds();
  }
  for (const auto& instance : leaving_) {
    stats.cpu_seconds += instance->CpuSeconds();
  }
  // A thread that ended between the two readings is in neither.
  cpu_seconds_ = std::max(cpu_seconds_, stats.cpu_seconds);
  stats.cpu_seconds = cpu_seconds_;
  return stats;
}

}  // namespace weir
