#include "host/source/connection_history.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "host/source/source_error.h"
#include "host/source/source_events.h"
#include "host/status/json_text.h"

namespace weir {

ConnectionHistory::ConnectionHistory(absl::string_view id,
                                     const Source::Description& source,
                                     const Limits& limits, absl::Time now)
    : id_(id),
      resumes_(source.resumes),
      live_(source.live),
      limits_(limits),
      alive_at_(now) {
  status_.name = absl::StrCat("sources/", id);
  status_.kind = source.kind;
  status_.endpoint = source.endpoint;
  status_.flow_control = source.flow_control;
  status_.state_time = now;
}

void ConnectionHistory::Connecting(absl::Time now) {
  Enter(State::kConnecting, now);
  if (OutageIsOn()) ++status_.outage->attempts;
}

void ConnectionHistory::Connected(absl::Time now) {
  Enter(State::kConnected, now);
  status_.connected_since = now;
  status_.connections = 1;
  ++connects_;
}

void ConnectionHistory::Received(uint64_t bytes, absl::Time now,
                                 int64_t now_ns) {
  if (OutageIsOn()) EndOutage(now);
  if (status_.state == State::kStale) {
    events_.push_back(MakeStaleEvent(
        id_, false, std::max(alive_at_, status_.connected_since), now));
    Enter(State::kConnected, now);
  }
  alive_at_ = now;
  status_.last_message_time = now;
  bytes_ += bytes;
  bit_rate_.Add(bytes * 8, now_ns);
}

bool ConnectionHistory::Disconnected(absl::Time now) {
  const absl::Time since =
      std::exchange(status_.connected_since, absl::InfinitePast());
  status_.connections = 0;
  if (since == absl::InfinitePast() || now - since <= limits_.reset_after) {
    return false;
  }
  status_.consecutive_failures = 0;
  return true;
}

void ConnectionHistory::Failed(const absl::Status& error, bool retry,
                               absl::Time now) {
  const SourceError details = GetSourceError(error);
  status_.last_error = SourceStatus::Error{.message = ToUtf8(error.message()),
                                           .kind = details.kind,
                                           .status = details.http_status,
                                           .time = now};
  // An attempt that failed had no connection, so nothing but "connecting" was
  // before it.
  if (status_.state == State::kConnecting) ++connect_failures_;
  ++status_.consecutive_failures;
  BeginOutage(ToUtf8(error.message()), now);
  if (retry) return;
  events_.push_back(MakeErrorEvent(id_, *status_.last_error, true, 0));
  Enter(State::kFailed, now);
}

void ConnectionHistory::BackingOff(absl::Duration delay, absl::Time now) {
  Enter(State::kBackingOff, now);
  status_.current_backoff = delay;
  status_.next_retry_time = now + delay;
}

void ConnectionHistory::Finished(absl::Time now) {
  if (OutageIsOn()) EndOutage(now);
  Enter(State::kFinished, now);
}

void ConnectionHistory::Paused(absl::string_view reason, absl::Time now) {
  BeginOutage(reason, now);
  Enter(State::kPaused, now);
}

void ConnectionHistory::Reconnecting(absl::string_view reason, absl::Time now) {
  BeginOutage(reason, now);
  Enter(State::kConnecting, now);
}

void ConnectionHistory::UpstreamError(absl::string_view message,
                                      absl::Time now) {
  status_.last_error = SourceStatus::Error{
      .message = ToUtf8(message), .kind = SourceError::kUpstream, .time = now};
  if (now - error_event_at_ < kErrorEventEvery) {
    ++errors_without_event_;
    return;
  }
  error_event_at_ = now;
  events_.push_back(MakeErrorEvent(id_, *status_.last_error, false,
                                   std::exchange(errors_without_event_, 0)));
}

void ConnectionHistory::CheckHealth(absl::Duration lag, bool blocked,
                                    absl::Time now) {
  if (status_.connected_since == absl::InfinitePast()) return;
  if (now - status_.connected_since > limits_.reset_after) {
    status_.consecutive_failures = 0;
    if (OutageIsOn()) EndOutage(status_.connected_since);
  }
  const absl::Time alive = std::max(alive_at_, status_.connected_since);
  if (status_.state == State::kConnected && !blocked &&
      limits_.staleness > absl::ZeroDuration() &&
      now - alive >= limits_.staleness) {
    Enter(State::kStale, now);
    events_.push_back(MakeStaleEvent(id_, true, alive, now));
  }
  if (!live_ || limits_.max_lag <= absl::ZeroDuration() ||
      status_.state != State::kConnected) {
    return;
  }
  // Half of the limit before it is over, so that it does not come and go.
  const bool lagging = lag > (lagging_ ? limits_.max_lag / 2 : limits_.max_lag);
  if (lagging != lagging_) {
    events_.push_back(MakeLagEvent(id_, lagging, lag, now));
  }
  lagging_ = lagging;
}

std::vector<Event> ConnectionHistory::TakeEvents() {
  return std::exchange(events_, {});
}

void ConnectionHistory::FillStats(SourceStats* stats, absl::Time now,
                                  int64_t now_ns) {
  stats->name = status_.name;
  stats->bytes = bytes_;
  stats->bits_per_second = bit_rate_.PerSecond(now_ns);
  stats->reconnects = connects_ > 0 ? connects_ - 1 : 0;
  stats->connect_failures = connect_failures_;
  stats->connected_since = status_.connected_since;
  stats->last_message_time = status_.last_message_time;
  stats->outages = outages_;
  stats->outage_time = outage_time_;
  if (OutageIsOn()) stats->outage_time += now - status_.outage->begin_time;
}

bool ConnectionHistory::OutageIsOn() const {
  return status_.outage.has_value() &&
         status_.outage->end_time == absl::InfinitePast();
}

void ConnectionHistory::BeginOutage(absl::string_view reason, absl::Time now) {
  if (OutageIsOn()) return;
  // A source that never was there is missed since it was begun.
  status_.outage = SourceStatus::Outage{.begin_time = std::min(alive_at_, now),
                                        .reason = std::string(reason),
                                        .data_lost = !resumes_};
  ++outages_;
  events_.push_back(MakeGapEvent(id_, *status_.outage));
}

void ConnectionHistory::EndOutage(absl::Time end) {
  status_.outage->end_time = std::max(end, status_.outage->begin_time);
  outage_time_ += status_.outage->end_time - status_.outage->begin_time;
  events_.push_back(MakeGapEvent(id_, *status_.outage));
}

void ConnectionHistory::Enter(State state, absl::Time now) {
  if (state != State::kBackingOff) {
    status_.next_retry_time = absl::InfinitePast();
    status_.current_backoff = absl::ZeroDuration();
  }
  if (status_.state == state) return;
  status_.state = state;
  status_.state_time = now;
}

}  // namespace weir
