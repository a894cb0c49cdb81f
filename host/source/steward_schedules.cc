#include "host/source/steward_schedules.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "host/source/duplicate_window.h"
#include "lib/steward/refusal.h"

namespace weir {
namespace {

// As good as for ever, and no sum of some of them overflows.
constexpr int64_t kCentury = int64_t{100} * 366 * 24 * 60 * 60;

int64_t ToNs(int64_t seconds) {
  return std::min(seconds, kCentury) * 1'000'000'000;
}

}  // namespace

absl::Status StewardSchedules::Begin(const steward::Message& message,
                                     absl::string_view unpacked,
                                     const StewardProcesses::Found& process) {
  if (!message.schedule.has_value() || message.schedule->size() != 2) {
    return absl::OkStatus();
  }
  Schedule schedule;
  schedule.start_ns = clock_.MonotonicNs();
  schedule.interval_ns = ToNs(message.schedule->at(0));
  schedule.total_ns = ToNs(message.schedule->at(1));
  if (!Advance(schedule.start_ns, schedule)) return absl::OkStatus();
  schedule.due.subject = process.subject;
  schedule.due.message = std::make_shared<const std::string>(unpacked);
  schedule.due.run = process.run;
  schedule.due.stop_on_error = process.settings->stop_on_error;
  const std::string key =
      DuplicateWindow::KeyOf(message.from_node, message.id, unpacked);
  MutexLock lock(&mu_);
  if (const auto same = schedules_.find(key); same != schedules_.end()) {
    End(same);
  }
  // A process may have ended where nobody was told, as in an outage.
  if (!IsRoomFor(unpacked.size())) PruneLocked();
  if (!IsRoomFor(unpacked.size())) {
    return steward::Refuse(
        absl::ResourceExhaustedError(absl::StrCat(
            "node \"", message.from_node, "\" sends a schedule, and ",
            schedules_.size(), " of ", bytes_,
            " bytes are followed already; at most ", kMaxSchedules, " of ",
            kMaxBytes, " bytes are: stop processes that have some")),
        steward::Refusal::kManySchedules);
  }
  bytes_ += unpacked.size();
  order_.emplace(schedule.next_ns, key);
  schedules_.emplace(key, std::move(schedule));
  return absl::OkStatus();
}

std::optional<StewardSchedules::Due> StewardSchedules::TakeDue() {
  const int64_t now_ns = clock_.MonotonicNs();
  MutexLock lock(&mu_);
  while (!order_.empty() && order_.begin()->first <= now_ns) {
    const auto at = schedules_.find(order_.begin()->second);
    Schedule& schedule = at->second;
    if (!processes_->Runs(schedule.due.run)) {
      End(at);
      continue;
    }
    const int64_t was_ns = schedule.next_ns;
    if (now_ns - schedule.start_ns >= schedule.total_ns) {
      // Its time has passed, and with it all that was due in it.
      missed_ += static_cast<uint64_t>(
          1 + (schedule.start_ns + schedule.total_ns - 1 - was_ns) /
                  schedule.interval_ns);
      End(at);
      continue;
    }
    Due due = schedule.due;
    order_.erase(order_.begin());
    const bool goes_on = Advance(now_ns, schedule);
    // All that were due by now but this one.
    const int64_t last_ns = goes_on
                                ? schedule.next_ns - schedule.interval_ns
                                : schedule.start_ns + (schedule.total_ns - 1) /
                                                          schedule.interval_ns *
                                                          schedule.interval_ns;
    missed_ += static_cast<uint64_t>((last_ns - was_ns) / schedule.interval_ns);
    ++repeated_;
    if (goes_on) {
      order_.emplace(schedule.next_ns, at->first);
    } else {
      End(at);
    }
    return due;
  }
  return std::nullopt;
}

absl::Duration StewardSchedules::UntilNext() const {
  MutexLock lock(&mu_);
  if (order_.empty()) return absl::InfiniteDuration();
  return absl::Nanoseconds(order_.begin()->first - clock_.MonotonicNs());
}

void StewardSchedules::Prune() {
  MutexLock lock(&mu_);
  PruneLocked();
}

bool StewardSchedules::IsRoomFor(size_t bytes) const {
  return schedules_.size() < kMaxSchedules && bytes_ + bytes <= kMaxBytes;
}

void StewardSchedules::PruneLocked() {
  for (auto at = schedules_.begin(); at != schedules_.end();) {
    at = processes_->Runs(at->second.due.run) ? std::next(at) : End(at);
  }
}

StewardSchedules::Counts StewardSchedules::counts() const {
  MutexLock lock(&mu_);
  return {
      .current = schedules_.size(), .repeated = repeated_, .missed = missed_};
}

bool StewardSchedules::Advance(int64_t now_ns, Schedule& schedule) {
  const int64_t elapsed_ns = now_ns - schedule.start_ns;
  const int64_t turn_ns = elapsed_ns - elapsed_ns % schedule.interval_ns;
  if (turn_ns + schedule.interval_ns >= schedule.total_ns) return false;
  schedule.next_ns = schedule.start_ns + turn_ns + schedule.interval_ns;
  return true;
}

StewardSchedules::Table::iterator StewardSchedules::End(Table::iterator at) {
  order_.erase({at->second.next_ns, at->first});
  bytes_ -= at->second.due.message->size();
  return schedules_.erase(at);
}

}  // namespace weir
