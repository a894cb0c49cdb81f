#include "host/broker/publish_waiters.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "host/status/error_info.h"

namespace weir {
namespace {

constexpr absl::Duration kRetry = absl::Seconds(5);

}  // namespace

absl::Status PublishWaiters::Unavailable(const WritableLog& log) {
  const std::string why = log.journal().value_or(JournalStats()).error;
  return MakeError(absl::StatusCode::kUnavailable,
                   absl::StrCat("the journal cannot be written: ", why,
                                "; publish again later, or ask for "
                                "DURABILITY_ACCEPTED"),
                   {.reason = "JOURNAL_UNAVAILABLE",
                    .metadata = {{"detail", why}},
                    .retry_delay = kRetry});
}

absl::Status PublishWaiters::InMemoryOnly(const WritableLog& log,
                                          const Waiter& waiter) {
  const std::string why = log.journal().value_or(JournalStats()).error;
  return MakeError(absl::StatusCode::kUnavailable,
                   absl::StrCat("the events are in the log as ",
                                waiter.ids.front(), " to ", waiter.ids.back(),
                                ", but in memory only, because the journal "
                                "cannot be written: ",
                                why, "; do not publish them again"),
                   {.reason = "JOURNAL_UNAVAILABLE",
                    .metadata = {{"detail", why},
                                 {"first_id", waiter.ids.front()},
                                 {"last_id", waiter.ids.back()}}});
}

void PublishWaiters::Add(Waiter waiter) {
  bool closed = false;
  {
    MutexLock lock(&mu_);
    waiters_.push_back(std::move(waiter));
    closed = closed_;
  }
  if (closed) return Close();
  Answer();  // It may have become visible before it was in the list.
}

void PublishWaiters::Answer() {
  std::vector<Waiter> done;
  std::vector<Waiter> failed;
  {
    MutexLock lock(&mu_);
    if (waiters_.empty()) return;
    const bool degraded = log_.degraded();
    const uint64_t visible = log_.bounds().latest;
    const uint64_t durable = log_.durable();
    std::deque<Waiter> waiting;
    for (Waiter& waiter : waiters_) {
      const bool journaled = waiter.durability == Durability::kJournaled;
      if (waiter.last <= (journaled ? durable : visible)) {
        done.push_back(std::move(waiter));
      } else if (journaled && degraded) {
        failed.push_back(std::move(waiter));
      } else {
        waiting.push_back(std::move(waiter));
      }
    }
    waiters_.swap(waiting);
  }
  for (const Waiter& waiter : done) waiter.done(waiter.ids);
  for (const Waiter& waiter : failed) waiter.done(InMemoryOnly(log_, waiter));
}

void PublishWaiters::Close() {
  Answer();
  std::deque<Waiter> late;
  {
    MutexLock lock(&mu_);
    closed_ = true;
    late.swap(waiters_);
  }
  for (const Waiter& waiter : late) {
    waiter.done(
        MakeError(absl::StatusCode::kUnavailable, "the host stops",
                  {.reason = "SERVER_DRAINING", .retry_delay = kRetry}));
  }
}

}  // namespace weir
