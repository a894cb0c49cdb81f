#include "host/steward/steward_sender.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/random/uniform_real_distribution.h"
#include "absl/strings/str_cat.h"

namespace weir {
namespace {

// How much may be in flight of a subject, beyond one message.
constexpr size_t kMaxBytesInFlight = size_t{8} << 20;

// How many of a subject that need no answer go out before the server is asked
// whether it has them.
constexpr size_t kMaxUnread = 256;

constexpr char kNotPermitted[] = "the server does not permit to publish there";

// Of the shortest wait, what chance adds at most.
constexpr double kJitter = 0.5;

}  // namespace

StewardSender::StewardSender(const Options& options,
                             StewardTransport& transport, Keeper& keeper,
                             absl::BitGenRef random)
    : options_(options),
      transport_(transport),
      keeper_(keeper),
      random_(random) {}

void StewardSender::Add(uint64_t number, const std::string& subject,
                        bool acknowledged) {
  lanes_[subject].waiting.emplace(number, acknowledged);
  ready_.insert(subject);
  ++waiting_;
}

void StewardSender::SendNow(const Outgoing& outgoing) {
  const bool sent =
      connected_ && lanes_.count(outgoing.subject) == 0 &&
      transport_
          .Publish(outgoing.subject, absl::StrCat(outgoing.subject, ".reply"),
                   outgoing.payload)
          .ok();
  ++(sent ? counters_.transmissions : counters_.dropped_now);
}

void StewardSender::Connected() {
  connected_ = true;
  for (const auto& [subject, lane] : lanes_) ready_.insert(subject);
}

void StewardSender::Disconnected() {
  connected_ = false;
  for (auto& [subject, lane] : lanes_) {
    while (!lane.flights.empty()) {
      const auto& [number, flight] = *lane.flights.begin();
      if (flight.state == Flight::State::kSent ||
          flight.state == Flight::State::kUnread) {
        History& history = history_[number];
        if (++history.losses > kMaxLosses) ++history.used;
      }
      lane.waiting.emplace(number, flight.outgoing.acknowledged);
      Land(lane, number);
    }
    lane.window = 1;
  }
  unread_.clear();
}

int64_t StewardSender::Turn(int64_t now_ns) {
  while (connected_ && !timers_.empty() && timers_.begin()->first <= now_ns) {
    const uint64_t number = timers_.begin()->second;
    Due(lanes_[where_[number]], number, now_ns);
  }
  for (const std::string& subject : std::exchange(ready_, {})) {
    if (!connected_) break;
    const auto lane = lanes_.find(subject);
    if (lane != lanes_.end()) Fill(subject, lane->second, now_ns);
  }
  if (connected_) ReadByServer();
  // What was settled may make room for more: let it be noted first.
  if (connected_ && !ready_.empty()) return now_ns;
  if (!connected_ || timers_.empty()) {
    return std::numeric_limits<int64_t>::max();
  }
  return timers_.begin()->first;
}

void StewardSender::Fill(const std::string& subject, Lane& lane,
                         int64_t now_ns) {
  while (connected_ && MayBegin(lane)) {
    Begin(subject, lane, lane.waiting.begin()->first, now_ns);
  }
  if (lane.waiting.empty() && lane.flights.empty()) lanes_.erase(subject);
}

bool StewardSender::MayBegin(const Lane& lane) const {
  if (lane.waiting.empty()) return false;
  if (lane.flights.empty()) return true;
  if (lane.held > 0 || lane.bytes >= kMaxBytesInFlight) return false;
  // Those that need no answer go out one behind the other anyway; but one that
  // needs one waits for them, and they for it.
  const bool acknowledged = lane.waiting.begin()->second;
  const bool same =
      lane.flights.rbegin()->second.outgoing.acknowledged == acknowledged;
  if (!same) return false;
  return lane.flights.size() < (acknowledged ? lane.window : kMaxUnread);
}

void StewardSender::Begin(const std::string& subject, Lane& lane,
                          uint64_t number, int64_t now_ns) {
  const auto give_up = [&](absl::string_view why) {
    lane.waiting.erase(number);
    --waiting_;
    history_.erase(number);
    ++counters_.given_up;
    keeper_.Settled(number, Outcome::kGivenUp, why);
  };
  absl::StatusOr<Outgoing> loaded = keeper_.Load(number);
  if (!loaded.ok()) return give_up(loaded.status().message());
  Flight flight;
  flight.outgoing = *std::move(loaded);
  if (flight.outgoing.acknowledged) {
    flight.outgoing.payload.headers.emplace_back(kAckHeader, kAckConfigured);
  }
  const size_t size = WireSize(flight.outgoing.payload);
  if (const size_t max = transport_.max_payload(); size > max) {
    return give_up(
        absl::StrCat("it has ", size, " bytes, and the server takes ", max,
                     "; send less, or raise the server's max_payload"));
  }
  const auto history = history_.find(number);
  if (history != history_.end() &&
      history->second.used >= flight.outgoing.transmissions) {
    return give_up(absl::StrCat("the connection ended ", history->second.losses,
                                " times while it was under way"));
  }
  if (flight.outgoing.acknowledged) {
    absl::StatusOr<std::string> reply =
        transport_.ReplySubject(subject, number);
    if (absl::IsUnavailable(reply.status())) return Disconnected();
    if (!reply.ok()) return give_up(reply.status().message());
    flight.reply = *std::move(reply);
    by_reply_[flight.reply] = number;
  } else {
    flight.reply = absl::StrCat(subject, ".reply");
  }
  lane.waiting.erase(number);
  lane.bytes += size;
  where_[number] = subject;
  Flight& begun = lane.flights.emplace(number, std::move(flight)).first->second;
  begun.due_ns = std::numeric_limits<int64_t>::max();
  Transmit(lane, number, begun, now_ns);
}

void StewardSender::Transmit(Lane& lane, uint64_t number, Flight& flight,
                             int64_t now_ns, bool probe) {
  const absl::Status status = transport_.Publish(
      flight.outgoing.subject, flight.reply, flight.outgoing.payload);
  if (absl::IsUnavailable(status)) {
    // It is not under way, and so not lost.
    Plan(lane, number, flight, Flight::State::kPausing, now_ns);
    return Disconnected();
  }
  if (!status.ok()) {
    return Settle(lane, number, Outcome::kGivenUp, status.message());
  }
  ++counters_.transmissions;
  if (flight.sent_ns != 0) ++counters_.retransmissions;
  flight.sent_ns = now_ns;
  if (!flight.outgoing.acknowledged) {
    unread_.push_back(number);
    return Plan(lane, number, flight, Flight::State::kUnread,
                std::numeric_limits<int64_t>::max());
  }
  // Probes are of one transmission, whose time goes on.
  if (!probe) {
    flight.deadline_ns =
        now_ns + absl::ToInt64Nanoseconds(flight.outgoing.ack_timeout);
    flight.nobody = false;
  }
  Plan(lane, number, flight, Flight::State::kSent, flight.deadline_ns);
}

void StewardSender::Due(Lane& lane, uint64_t number, int64_t now_ns) {
  Flight& flight = lane.flights.at(number);
  switch (flight.state) {
    case Flight::State::kPausing:
      return Transmit(lane, number, flight, now_ns);
    case Flight::State::kProbing:
      if (now_ns >= flight.deadline_ns) {
        return NoAnswer(lane, number, flight, now_ns);
      }
      return Transmit(lane, number, flight, now_ns, /*probe=*/true);
    case Flight::State::kSent:
    case Flight::State::kUnread:
      return NoAnswer(lane, number, flight, now_ns);
  }
}

void StewardSender::NoAnswer(Lane& lane, uint64_t number, Flight& flight,
                             int64_t now_ns) {
  ++counters_.timeouts;
  lane.window = 1;
  const int64_t used = ++history_[number].used;
  if (used >= flight.outgoing.transmissions) {
    return Settle(lane, number, Outcome::kGivenUp, WhyUnanswered(flight, used));
  }
  const int64_t due_ns =
      std::max(now_ns + absl::ToInt64Nanoseconds(flight.outgoing.retry_wait),
               flight.sent_ns + JitteredWaitNs());
  if (due_ns <= now_ns) return Transmit(lane, number, flight, now_ns);
  Plan(lane, number, flight, Flight::State::kPausing, due_ns);
}

void StewardSender::NoResponders(Lane& lane, uint64_t number, Flight& flight,
                                 int64_t now_ns) {
  if (flight.state != Flight::State::kSent) return;
  ++counters_.no_responders;
  lane.window = 1;
  flight.nobody = true;
  if (lane.flights.begin()->first != number) {
    // Only the oldest asks again and again.
    lane.waiting.emplace(number, true);
    return Land(lane, number);
  }
  const int64_t due_ns = std::max(now_ns, flight.sent_ns + JitteredWaitNs());
  Plan(lane, number, flight, Flight::State::kProbing,
       std::min(due_ns, flight.deadline_ns));
}

void StewardSender::Answered(const std::string& reply, const Answer& answer,
                             int64_t now_ns) {
  const auto found = by_reply_.find(reply);
  if (found == by_reply_.end()) return;  // Settled already.
  const uint64_t number = found->second;
  Lane& lane = lanes_[where_[number]];
  Flight& flight = lane.flights.at(number);
  if (answer.no_responders) return NoResponders(lane, number, flight, now_ns);
  if (answer.word == kAckFailed) {
    return Settle(lane, number, Outcome::kGivenUp,
                  absl::StrCat("the receiver refuses it: ", answer.data));
  }
  lane.window = answer.word.empty()
                    ? 1
                    : std::min(options_.max_in_flight, lane.window * 2);
  Settle(lane, number, Outcome::kDelivered, "");
}

void StewardSender::ReadByServer() {
  if (unread_.empty()) return;
  if (!transport_.Flush().ok()) return Disconnected();
  for (const uint64_t number : std::exchange(unread_, {})) {
    const auto where = where_.find(number);
    if (where == where_.end()) continue;
    Lane& lane = lanes_[where->second];
    if (transport_.Refused(where->second)) {
      Settle(lane, number, Outcome::kGivenUp, kNotPermitted);
    } else {
      Settle(lane, number, Outcome::kDelivered, "");
    }
  }
}

void StewardSender::Plan(Lane& lane, uint64_t number, Flight& flight,
                         Flight::State state, int64_t due_ns) {
  const auto is_held = [](Flight::State which) {
    return which == Flight::State::kProbing || which == Flight::State::kPausing;
  };
  timers_.erase({flight.due_ns, number});
  lane.held -= is_held(flight.state) ? 1 : 0;
  flight.state = state;
  flight.due_ns = due_ns;
  lane.held += is_held(state) ? 1 : 0;
  if (due_ns != std::numeric_limits<int64_t>::max()) {
    timers_.insert({due_ns, number});
  }
  if (!is_held(state)) ready_.insert(where_[number]);
}

void StewardSender::Land(Lane& lane, uint64_t number) {
  const auto found = lane.flights.find(number);
  Flight& flight = found->second;
  timers_.erase({flight.due_ns, number});
  if (flight.state == Flight::State::kProbing ||
      flight.state == Flight::State::kPausing) {
    --lane.held;
  }
  if (flight.outgoing.acknowledged) by_reply_.erase(flight.reply);
  lane.bytes -= WireSize(flight.outgoing.payload);
  ready_.insert(where_[number]);
  where_.erase(number);
  lane.flights.erase(found);
}

void StewardSender::Settle(Lane& lane, uint64_t number, Outcome outcome,
                           absl::string_view why) {
  Land(lane, number);
  --waiting_;
  history_.erase(number);
  ++(outcome == Outcome::kDelivered ? counters_.delivered : counters_.given_up);
  keeper_.Settled(number, outcome, why);
}

std::string StewardSender::WhyUnanswered(const Flight& flight, int64_t used) {
  std::string why = absl::StrCat(
      "not acknowledged: sent ", used, used == 1 ? " time" : " times",
      ", each waited for ", absl::FormatDuration(flight.outgoing.ack_timeout));
  if (transport_.Refused(flight.outgoing.subject)) {
    absl::StrAppend(&why, "; ", kNotPermitted);
  } else if (flight.nobody) {
    absl::StrAppend(&why, "; nobody subscribes to the subject");
  }
  return why;
}

int64_t StewardSender::JitteredWaitNs() {
  const double factor =
      absl::uniform_real_distribution<double>(1, 1 + kJitter)(random_);
  return absl::ToInt64Nanoseconds(options_.min_retry_wait * factor);
}

}  // namespace weir
