#include "host/dispatch/dispatcher.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "host/log/log.h"

namespace weir {
namespace {

absl::Status NoSuchHandler(absl::string_view name) {
  return absl::NotFoundError(absl::StrCat("no handler named ", name));
}

}  // namespace

Dispatcher::Dispatcher(const NameTable& types, NameTable& sources,
                       const SlabPool& pool, const Clock& clock,
                       DispatcherOptions options)
    : context_{types,     sources, pool, clock, options.max_queued_bytes,
               abandoned_},
      slots_(std::make_shared<const SlotList>()) {}

Dispatcher::~Dispatcher() {
  Close();
  const std::shared_ptr<const SlotList> all = slots();
  for (const std::shared_ptr<Slot>& slot : *all) {
    RemoveHandler(slot->name(), absl::ZeroDuration()).IgnoreError();
  }
}

std::shared_ptr<const Dispatcher::SlotList> Dispatcher::slots() const {
  MutexLock lock(&mu_);
  return slots_;
}

void Dispatcher::Dispatch(MessageBatchRef batch) {
  if (!batch) return;
  std::shared_ptr<const SlotList> slots;
  bool closed = false;
  {
    MutexLock lock(&mu_);
    slots = slots_;
    closed = closed_;
  }
  if (closed) batch->MarkLost();
  const int64_t now_ns = context_.clock.MonotonicNs();
  for (const std::shared_ptr<Slot>& slot : *slots) {
    slot->Offer(batch->first(), now_ns);
  }
}

bool Dispatcher::Wanted(uint16_t type_id) const {
  const std::shared_ptr<const SlotList> all = slots();
  return std::any_of(all->begin(), all->end(),
                     [&](const auto& slot) { return slot->MayWant(type_id); });
}

absl::StatusOr<std::shared_ptr<Slot>> Dispatcher::MakeSlot(
    HandlerOptions options) {
  MutexLock lock(&mu_);
  if (closed_) {
    return absl::FailedPreconditionError(
        "the dispatcher is closed: the host is stopping");
  }
  const std::string name = options.name;
  const auto [entry, is_new] = entries_.try_emplace(name);
  if (!is_new) {
    return absl::AlreadyExistsError(
        absl::StrCat("there is a handler named ", name, " already"));
  }
  entry->second.id = ++last_id_;
  entry->second.slot = std::make_shared<Slot>(std::move(options), context_);
  return entry->second.slot;
}

absl::StatusOr<std::shared_ptr<HandlerSlot>> Dispatcher::AddSlot(
    HandlerOptions options) {
  const std::string name = options.name;
  absl::StatusOr<std::shared_ptr<Slot>> slot = MakeSlot(std::move(options));
  if (!slot.ok()) return slot.status();
  MutexLock lock(&mu_);
  entries_.find(name)->second.offered = true;
  PublishLocked();
  return *std::move(slot);
}

absl::StatusOr<int64_t> Dispatcher::AddHandler(
    HandlerOptions options, std::unique_ptr<Handler> handler) {
  const std::string name = options.name;
  const absl::StatusOr<std::shared_ptr<Slot>> slot =
      MakeSlot(std::move(options));
  if (!slot.ok()) return slot.status();
  const absl::StatusOr<HandlerSlot::Prepared> prepared =
      (*slot)->Prepare(std::move(handler), [slot = slot->get()] {
        slot->SetIntake(HandlerSlot::Intake::kNotRunning);
      });
  if (prepared.ok()) {
    // Nobody has the turn, so there is nobody to wait for.
    (*slot)->Switch(prepared->instance, absl::ZeroDuration()).IgnoreError();
    (*slot)->SetIntake(HandlerSlot::Intake::kQueue);
  }
  bool closed = false;
  {
    MutexLock lock(&mu_);
    if (!prepared.ok()) {
      entries_.erase(name);
      return prepared.status();
    }
    Entry& entry = entries_.find(name)->second;
    closed = closed_;
    entry.offered = true;
    PublishLocked();
  }
  if (!closed) return prepared->requested_capacity;
  StopAndRetire(name, absl::ZeroDuration()).IgnoreError();
  return absl::FailedPreconditionError(
      "the dispatcher was closed: the host is stopping");
}

void Dispatcher::PublishLocked() {
  auto slots = std::make_shared<SlotList>();
  for (const auto& [name, entry] : entries_) {
    if (entry.offered && !entry.removing) slots->push_back(entry.slot);
  }
  slots_ = std::move(slots);
}

absl::StatusOr<uint64_t> Dispatcher::RemoveHandler(absl::string_view name,
                                                   absl::Duration drain) {
  return StopAndRetire(name, drain);
}

absl::Status Dispatcher::RemoveSlot(absl::string_view name) {
  return StopAndRetire(name, absl::ZeroDuration()).status();
}

absl::StatusOr<uint64_t> Dispatcher::StopAndRetire(absl::string_view name,
                                                   absl::Duration drain) {
  std::shared_ptr<Slot> slot;
  {
    MutexLock lock(&mu_);
    const auto found = entries_.find(name);
    if (found == entries_.end() || !found->second.offered ||
        found->second.removing) {
      return NoSuchHandler(name);
    }
    found->second.removing = true;
    slot = found->second.slot;
    PublishLocked();
  }
  const uint64_t discarded = slot->Stop(drain);
  Retire(slot->name());
  return discarded;
}

// Takes the name out of use, and keeps the final books for the auditor.
void Dispatcher::Retire(const std::string& name) {
  MutexLock lock(&mu_);
  const auto found = entries_.find(name);
  const Books books = found->second.slot->CloseBooks();
  retired_dropped_ += books.dropped();
  retired_.push_back(
      {.id = found->second.id, .name = name, .books = books, .final = true});
  entries_.erase(found);
}

absl::StatusOr<HandlerStats> Dispatcher::Stats(absl::string_view name) const {
  std::shared_ptr<Slot> slot;
  {
    MutexLock lock(&mu_);
    const auto found = entries_.find(name);
    if (found == entries_.end() || !found->second.offered) {
      return NoSuchHandler(name);
    }
    slot = found->second.slot;
  }
  return slot->Stats();
}

uint64_t Dispatcher::total_dropped() const {
  MutexLock lock(&mu_);
  uint64_t total = retired_dropped_;
  for (const auto& [name, entry] : entries_) {
    if (entry.offered) total += entry.slot->books().dropped();
  }
  return total;
}

void Dispatcher::Close() {
  std::shared_ptr<const SlotList> slots;
  {
    MutexLock lock(&mu_);
    closed_ = true;
    slots = slots_;
  }
  for (const std::shared_ptr<Slot>& slot : *slots) {
    slot->SetIntake(HandlerSlot::Intake::kNotRunning);
  }
}

bool Dispatcher::Drain(absl::Duration timeout) {
  const absl::Time end = absl::Now() + timeout;
  const std::shared_ptr<const SlotList> all = slots();
  bool drained = true;
  for (const std::shared_ptr<Slot>& slot : *all) {
    drained = slot->Drain(end - absl::Now()) && drained;
  }
  return drained;
}

void Dispatcher::LogStats() {
  const std::shared_ptr<const SlotList> all = slots();
  for (const std::shared_ptr<Slot>& slot : *all) {
    const HandlerStats stats = slot->Stats();
    const Books& books = stats.books;
    LogInfo(absl::StrCat("plugins/", slot->name()), "offered ", books.offered,
            ", not wanted ", books.not_wanted, ", enqueued ", books.enqueued,
            ", dropped by policy ", books.dropped_policy, ", full ",
            books.dropped_full, ", not running ", books.dropped_not_running,
            ", quarantined ", books.dropped_quarantined, "; ok ",
            books.processed_ok, ", error ", books.processed_error,
            ", lost in crash ", books.lost_in_crash, ", discarded ",
            books.discarded_on_unload, ", queued ", books.queued, " of ",
            stats.capacity, ", in flight ", books.in_flight, "; ",
            static_cast<uint64_t>(stats.messages_per_second),
            " messages/s, p99 ", stats.handle.p99_ns, " ns");
  }
}

std::vector<SlotBooks> Dispatcher::CollectBooks() {
  MutexLock lock(&mu_);
  std::vector<SlotBooks> all = std::exchange(retired_, {});
  for (const auto& [name, entry] : entries_) {
    if (!entry.offered) continue;
    all.push_back({.id = entry.id, .name = name, .books = entry.slot->books()});
  }
  return all;
}

}  // namespace weir
