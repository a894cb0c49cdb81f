#include "tests/host/broker/log_model.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace weir {

void LogModel::Begin(const Keeps& keeps) {
  keeps_ = keeps;
  events_.clear();
  began_after_ = gone_ = 0;
}

void LogModel::Append(absl::string_view type, const Clock& clock) {
  Event event;
  event.type = std::string(type);
  event.time = clock.Now();
  // The time of day may have been set back; the log's never goes back.
  if (!events_.empty()) event.time = std::max(event.time, events_.back().time);
  event.ns = clock.MonotonicNs();
  events_.push_back(std::move(event));
}

void LogModel::GoOn(uint64_t kept, uint64_t latest) {
  events_.resize(std::min<uint64_t>(kept, events_.size()));
  Event hole;
  if (!events_.empty()) hole.time = events_.back().time;
  hole.hole_begin = events_.size() + 1;
  hole.hole_end = latest;
  events_.resize(latest, hole);
  began_after_ = latest;
  gone_ = std::min(gone_, kept);
}

void LogModel::Look(const Clock& clock) {
  while (gone_ < last() && MayGo(gone_ + 1, clock)) ++gone_;
}

uint64_t LogModel::First(absl::string_view type, uint64_t after,
                         uint64_t until) const {
  for (uint64_t seq = after + 1; seq <= until; ++seq) {
    const std::string& is = At(seq).type;
    if (!is.empty() && (type.empty() || is == type)) return seq;
  }
  return 0;
}

uint64_t LogModel::FirstInHole(uint64_t after, uint64_t until) const {
  for (uint64_t seq = after + 1; seq <= until; ++seq) {
    if (At(seq).type.empty()) return seq;
  }
  return 0;
}

uint64_t LogModel::HoleBegin(uint64_t seq) const {
  return At(seq).type.empty() ? At(seq).hole_begin : seq;
}

uint64_t LogModel::HoleEnd(uint64_t seq) const {
  return At(seq).type.empty() ? At(seq).hole_end : seq;
}

uint64_t LogModel::PositionAt(absl::Time time, uint64_t earliest) const {
  uint64_t seq = earliest;
  while (seq <= last() && (At(seq).type.empty() || At(seq).time < time)) ++seq;
  // Who begins behind a hole is told of it: what was in it may have been later
  // than `time`, too.
  while (seq > earliest && At(seq - 1).type.empty()) {
    seq = std::max(earliest, HoleBegin(seq - 1));
  }
  return seq - 1;
}

bool LogModel::MayGo(uint64_t seq, const Clock& clock) const {
  const Event& event = At(seq);
  if (event.type.empty()) return true;  // With what is before it.
  if (keeps_.journal) {
    return event.time < clock.Now() - keeps_.age ||
           (keeps_.events != 0 && last() - seq >= keeps_.events);
  }
  return absl::Nanoseconds(clock.MonotonicNs() - event.ns) > keeps_.ring_age ||
         last() - seq + keeps_.unit > keeps_.ring_events;
}

bool LogModel::MustGo(uint64_t seq, const Clock& clock) const {
  // The last one that can be waiting for to go together with this one.
  const uint64_t end = std::min(seq + keeps_.unit - 1,
                                seq <= began_after_ ? began_after_ : last());
  const bool ring_done =
      seq <= began_after_ ||
      absl::Nanoseconds(clock.MonotonicNs() - At(end).ns) > keeps_.ring_age ||
      last() + 1 - seq > keeps_.ring_events;
  if (!keeps_.journal) return ring_done;
  return ring_done && (At(end).time < clock.Now() - keeps_.age ||
                       (keeps_.events != 0 && end < last() &&
                        last() - end >= keeps_.events));
}

std::string LogModel::CheckEarliest(uint64_t earliest, bool had_time,
                                    const Clock& clock) const {
  if (earliest < 1 || earliest > last() + 1) {
    return absl::StrCat("the oldest event is ", earliest, " of ", last());
  }
  if (had_time && earliest <= last() && !At(earliest).type.empty() &&
      MustGo(earliest, clock)) {
    return absl::StrCat(earliest, " of ", last(), " is still kept");
  }
  // A hole has gone with what is before it.
  while (earliest > 1 && At(earliest - 1).type.empty()) {
    earliest = HoleBegin(earliest - 1);
  }
  if (earliest <= gone_ + 1) return "";
  return absl::StrCat(earliest - 1, " is no longer kept, and ", gone_ + 1,
                      " should be");
}

}  // namespace weir
