#include "tests/host/broker/model_driver.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "host/status/error_info.h"
#include "tests/fakes/fake_event_codec.h"

namespace weir {
namespace {

constexpr const char* kTypes[] = {"a.x", "a.y", "b.x"};
constexpr uint64_t kMaxLag = 60;

}  // namespace

ModelDriver::ModelDriver(uint64_t seed, Make make, std::set<int> left_out)
    : seed_(seed),
      make_(std::move(make)),
      left_out_(std::move(left_out)),
      random_(seed) {
  clock_.Advance(absl::Hours(1000));
}

ModelDriver::~ModelDriver() {
  clients_.clear();  // Before the broker that they read from ...
  broker_ = {};      // ... and that before its files.
}

std::string ModelDriver::Play(int operations) {
  Restart();
  clients_.resize(1 + Draw(4));
  for (Client& client : clients_) Connect(client);
  for (int i = 0; i < operations && wrong_.empty(); ++i) {
    // Each has its own chances, so that leaving one out changes no other.
    random_.seed(seed_ * 1'000'003 + static_cast<uint64_t>(i) + 1);
    story_.emplace_back();
    if (left_out_.count(i) == 0) Do(clients_[Draw(clients_.size())]);
  }
  for (Client& client : clients_) {
    if (wrong_.empty()) ReadAll(client);
  }
  return wrong_;
}

void ModelDriver::Do(Client& client) {
  const uint64_t what = Draw(20);
  switch (what) {
    case 0:
      if (Draw(broker_.reincarnate != nullptr ? 6 : 15) == 0) {
        Restart();
      } else if (broker_.reincarnate != nullptr && Draw(2) == 0) {
        Reincarnate();
      }
      break;
    case 1:
    case 2:
      if (remote() && Draw(3) != 0) {
        Cut(client);
      } else {
        Disconnect(client);
      }
      break;
    case 3:
    case 4:
    case 5:
      clock_.Advance(absl::Milliseconds(Draw(40)));
      broker_.tick();
      break;
    case 6:
      PassTime();
      break;
    case 7:
    case 8:
    case 9:
      Publish(1 + Draw(400));
      break;
    case 10:
    case 11:
      Publish(1 + Draw(5));
      break;
    case 12:
    case 13:
    case 14:
      Read(client, 10000);
      break;
    default:
      Read(client, 1 + Draw(3));
  }
  if (client.stream == nullptr && wrong_.empty()) Connect(client);
  CheckBooks();
  CheckKept(what >= 3 && what <= 6);
}

void ModelDriver::Restart() {
  if (!story_.empty()) story_.back() += "begin a new log; ";
  for (Client& client : clients_) Part(client, false);
  broker_ = {};
  epoch_ = absl::StrCat("7k2mq9", 10 + life_++);
  broker_ = make_(epoch_, clock_);
  model_.Begin(broker_.keeps);
}

void ModelDriver::Reincarnate() {
  const auto ending = static_cast<Ending>(Draw(4) == 0 ? 2 : Draw(2));
  for (Client& client : clients_) Part(client, ending != Ending::kMachineDown);
  story_.back() += ending == Ending::kClean    ? "stop and start; "
                   : ending == Ending::kKilled ? "kill and start; "
                                               : "the machine goes down; ";
  // What is not committed is seen by nobody, neither now nor later; a clean end
  // commits it.
  const uint64_t committed = model_.last();
  for (uint64_t n = Draw(6); n > 0; --n) {
    Event event;
    event.type = kTypes[Draw(std::size(kTypes))];
    event.source = "host";
    if (ending == Ending::kClean) model_.Append(event.type, clock_);
    broker_.publish(std::move(event));
  }
  // The new one first: the old one is part of what makes it.
  ModelledBroker next = broker_.reincarnate(ending);
  broker_ = std::move(next);
  const std::string id = broker_.log->Info().latest_id;
  uint64_t latest = 0;
  if (!id.empty() && !Parse(id, &latest)) {
    wrong_ = absl::StrCat("the log goes on with ", id);
    return;
  }
  if (latest < model_.last()) {
    wrong_ = absl::StrCat(model_.last() - latest, " numbers are forgotten");
    return;
  }
  uint64_t kept = model_.last();
  if (ending == Ending::kMachineDown) {
    kept = broker_.found;
    if (kept > committed || (broker_.waits_for_disk && kept < committed)) {
      wrong_ = absl::StrCat(kept, " of ", committed, " events are on the disk");
    }
    events_lost_ += committed - std::min(kept, committed);
  }
  const bool may_skip =
      ending == Ending::kMachineDown && !broker_.waits_for_disk;
  if (latest > model_.last() && !may_skip) {
    wrong_ = absl::StrCat(latest - model_.last(), " numbers are skipped");
  }
  model_.GoOn(kept, latest);
}

void ModelDriver::Publish(uint64_t n) {
  story_.back() += absl::StrCat("publish ", n, "; ");
  for (uint64_t i = 0; i < n; ++i) {
    if (Draw(4) == 0) clock_.Advance(absl::Microseconds(Draw(900)));
    // So that what is committed together is not always of one age.
    if (Draw(60) == 0) clock_.Advance(absl::Seconds(Draw(40)));
    Event event;
    event.type = kTypes[Draw(std::size(kTypes))];
    event.source = "host";
    model_.Append(event.type, clock_);
    broker_.publish(std::move(event));
    if (broker_.commit && Draw(20) == 0) broker_.commit();
  }
  if (broker_.commit) broker_.commit();
}

void ModelDriver::PassTime() {
  const absl::Duration by = absl::Seconds(Draw(90));
  absl::Duration step;
  if (Draw(3) == 0) {
    step = absl::Seconds(static_cast<int64_t>(Draw(1200)) - 600);
  }
  story_.back() +=
      absl::StrCat("wait ", absl::FormatDuration(by), ", set the clock by ",
                   absl::FormatDuration(step), "; ");
  clock_.Advance(by);
  clock_.Set(step);
  broker_.tick();
}

void ModelDriver::Connect(Client& client) {
  if (story_.empty()) story_.emplace_back();
  story_.back() +=
      absl::StrCat("client ", &client - clients_.data(), " comes ");
  StreamOptions options;
  options.batch.max_events = 1 + Draw(100);
  options.batch.max_delay = absl::Milliseconds(Draw(20));
  options.headers_only = Draw(4) == 0;
  options.stop_at_latest = Draw(8) == 0;
  options.gap_policy = static_cast<GapPolicy>(Draw(8) < 5 ? 0 : Draw(3));
  options.lag_policy = static_cast<LagPolicy>(Draw(8) < 5 ? 0 : Draw(3));
  options.max_lag_events = kMaxLag;
  client.wanted = Draw(2) == 0 ? "" : kTypes[Draw(std::size(kTypes))];
  if (!client.wanted.empty()) {
    options.filters.emplace_back().types = {client.wanted};
  }
  options.client_name = absl::StrCat("c", ++connects_);
  client.options = options;
  ExpectOpen(client);
  const std::string refusal = ChooseStart(client, &options.start);
  client.options.start = options.start;
  client.start = client.at;
  auto stream = broker_.log->Open(options, [] {});
  const std::string reason =
      GetErrorInfo(stream.status()).value_or(ErrorInfo()).reason;
  if (reason != (options.gap_policy == GapPolicy::kFail ? refusal : "") ||
      (!stream.ok() && reason.empty())) {
    Wrong(client, absl::StrCat("opened with ", stream.status().ToString(),
                               " instead of ", refusal));
  }
  if (stream.ok()) {
    client.stream = *std::move(stream);
    return;
  }
  client.position.clear();
  client.seen.clear();
}

void ModelDriver::ExpectOpen(Client& client) {
  client.head_at_open = model_.last();
  client.hole_reason = StreamItem::GapReason::kEpochChanged;
  client.after_hole =
      client.options.gap_policy == GapPolicy::kNotifySkipToLatest
          ? model_.last()
          : Earliest() - 1;
  client.items = 0;
  client.may_break = false;
  client.refusal.clear();
}

std::string ModelDriver::ChooseStart(Client& client, StartPosition* start) {
  using Kind = StartPosition::Kind;
  client.knows_at = true;
  // The last position, or any earlier one: that is not in order, but allowed.
  std::string from = client.position;
  if (!client.seen.empty() && Draw(3) == 0) {
    from = client.seen[Draw(client.seen.size())];
  }
  const uint64_t earliest = Earliest();
  const bool elsewhere = broker_.tells_time && Draw(8) == 0;
  if (elsewhere && model_.last() > 0 && Draw(2) == 0) {
    start->kind = Kind::kAtTime;
    // That of an event, or about.
    start->at_time =
        std::max(model_.TimeOf(1 + Draw(model_.last())), absl::UnixEpoch()) +
        absl::Nanoseconds(static_cast<int64_t>(Draw(3)) - 1);
    story_.back() += "from a time; ";
    client.knows_at =
        earliest == 1 || model_.TimeOf(earliest - 1) < start->at_time;
    client.at = model_.PositionAt(start->at_time, earliest);
    if (client.knows_at) return "";
    client.hole_reason = StreamItem::GapReason::kRetention;
    return "REPLAY_POSITION_EXPIRED";
  }
  if (elsewhere) {
    start->kind = Kind::kTail;
    start->tail = static_cast<uint32_t>(Draw(1000));
    story_.back() += absl::StrCat("with a tail of ", start->tail, "; ");
    client.at = std::max(
        earliest - 1,
        model_.last() - std::min<uint64_t>(model_.last(), start->tail));
    return "";
  }
  if (from.empty()) {
    const bool all = Draw(2) == 0;
    start->kind = all ? Kind::kEarliest : Kind::kLatest;
    story_.back() += all ? "from the earliest; " : "from the latest; ";
    client.at = all ? earliest - 1 : model_.last();
    return "";
  }
  start->kind = Kind::kAfterId;
  start->after_id = from;
  story_.back() += absl::StrCat("after ", from, "; ");
  return ExpectAfter(client, from);
}

std::string ModelDriver::ExpectAfter(Client& client, const std::string& id) {
  client.knows_at = Parse(id, &client.at) && client.at <= model_.last();
  if (!client.knows_at) return "REPLAY_EPOCH_MISMATCH";
  return client.at + 1 < Earliest() ? "REPLAY_POSITION_EXPIRED" : "";
}

void ModelDriver::Disconnect(Client& client) { client.stream = nullptr; }

void ModelDriver::Part(Client& client, bool valid) {
  if (client.stream != nullptr && remote() && Draw(2) == 0) {
    if (!valid) Read(client, 100000);
    client.may_break = true;
  } else {
    Disconnect(client);
  }
}

void ModelDriver::Cut(Client& client) {
  if (client.stream == nullptr) return;
  story_.back() +=
      absl::StrCat("cut off client ", &client - clients_.data(), "; ");
  client.may_break = true;
  broker_.cut(client.options.client_name);
}

void ModelDriver::ComeBack(Client& client) {
  ++comebacks_;
  story_.back() += absl::StrCat("client ", &client - clients_.data(),
                                " comes back after ", client.position, "; ");
  client.options.start.kind = StartPosition::Kind::kAfterId;
  client.options.start.after_id = client.position;
  ExpectOpen(client);
  const std::string refusal = ExpectAfter(client, client.position);
  if (client.options.gap_policy == GapPolicy::kFail) client.refusal = refusal;
  client.start = client.at;
}

void ModelDriver::Read(Client& client, uint64_t at_most) {
  story_.back() += absl::StrCat("client ", &client - clients_.data(),
                                " reads up to ", at_most, "; ");
  StreamItem item;
  for (uint64_t i = 0; i < at_most && client.stream != nullptr; ++i) {
    if (!wrong_.empty()) return;
    if (!client.stream->Next(&item)) {
      if (broker_.read && broker_.read()) continue;
      return;
    }
    Check(client, item);
    // A client that dies here has the item and the broker does not know it.
    if (client.stream != nullptr && Draw(4) != 0) client.stream->OnWritten(1);
  }
}

// At the end nothing may be left out: whoever reads long enough is at the head.
void ModelDriver::ReadAll(Client& client) {
  if (client.stream == nullptr) Connect(client);
  // What it has to say may be held, or have left the ring meanwhile.
  for (int i = 0; i < 6 && client.stream != nullptr; ++i) {
    Read(client, 100000);
    clock_.Advance(absl::Minutes(1));
    broker_.tick();
  }
  if (client.stream == nullptr || !wrong_.empty()) return;
  if (model_.First(client.wanted, client.at, model_.last()) != 0) {
    Wrong(client, absl::StrCat("has nothing to say at ", client.at, " of ",
                               model_.last()));
  }
}

void ModelDriver::Check(Client& client, const StreamItem& item) {
  using Kind = StreamItem::Kind;
  if (item.kind == Kind::kEnd) {
    const bool returns = remote() && broker_.comes_back(*client.stream);
    CheckEnd(client, item);
    if (returns) {
      ComeBack(client);
    } else {
      client.stream = nullptr;
    }
    return;
  }
  if (!client.refusal.empty()) {
    Wrong(client, absl::StrCat("was not refused with ", client.refusal));
  }
  if (item.batch_index != ++client.items) {
    Wrong(client, absl::StrCat("batch index ", item.batch_index));
  }
  if ((item.kind == Kind::kHello) != (client.items == 1)) {
    Wrong(client, "hello is not the first item, or not the only one");
  }
  if (client.items == 1) CheckStart(client, item);
  if (item.kind == Kind::kEvents) CheckEvents(client, item);
  if (item.kind == Kind::kGap) CheckGap(client, item);
  CheckCursor(client, item);
  client.position = item.cursor;
  if (client.seen.size() < 20 || Draw(10) == 0) {
    client.seen.push_back(item.cursor);
  }
}

void ModelDriver::CheckStart(Client& client, const StreamItem& item) {
  uint64_t cursor = 0;
  if (client.options.start.kind != StartPosition::Kind::kAtTime ||
      !client.knows_at || !Parse(item.cursor, &cursor) || cursor == client.at) {
    return;
  }
  // A time may only be found now, and what was there may be gone by now.
  const uint64_t earliest = Earliest();
  const bool skips =
      client.options.gap_policy == GapPolicy::kNotifySkipToLatest;
  if (earliest == 1 ||
      model_.TimeOf(earliest - 1) < client.options.start.at_time ||
      cursor != (skips ? model_.last() : earliest - 1)) {
    Wrong(client,
          absl::StrCat("begins after ", cursor, " instead of ", client.at));
  }
  client.knows_at = false;
  client.after_hole = client.start = cursor;
  client.hole_reason = StreamItem::GapReason::kRetention;
}

void ModelDriver::CheckEvents(Client& client, const StreamItem& item) {
  if (!client.knows_at) Wrong(client, "events before the gap");
  uint64_t n = 0;
  for (const SharedBytes& piece : item.pieces) {
    for (const auto& line : FakeEventCodec::Parse(piece.bytes)) {
      const uint64_t want =
          model_.First(client.wanted, client.at, model_.last());
      if (line.seq != want) {
        Wrong(client, absl::StrCat("event ", line.seq, " instead of ", want,
                                   " after ", client.at));
        return;
      }
      CheckNoHole(client, client.at, line.seq);
      if (broker_.tells_time &&
          line.append_unix_ns != absl::ToUnixNanos(model_.TimeOf(want))) {
        Wrong(client, absl::StrCat("event ", want, " says the wrong time"));
      }
      client.at = line.seq;
      client.seen.push_back(line.id);
      ++n;
    }
  }
  events_seen_ += n;
  if (n == 0 || n != item.n_events || n > client.options.batch.max_events) {
    Wrong(client, absl::StrCat("a batch of ", n));
  }
}

void ModelDriver::CheckGap(Client& client, const StreamItem& item) {
  using Reason = StreamItem::GapReason;
  ++gaps_seen_;
  const bool skips =
      client.options.gap_policy == GapPolicy::kNotifySkipToLatest;
  const uint64_t head = model_.last();
  if (!client.knows_at) {  // Of another life of the log, or from before it.
    client.knows_at = true;
    client.at = client.start = client.after_hole;
    if (item.gap.reason != client.hole_reason || item.gap.missing != 0 ||
        item.cursor != absl::StrCat(epoch_, "-", client.at)) {
      Wrong(client, absl::StrCat("a new log begins after ", item.cursor));
    }
    return;
  }
  // What was filtered out before the hole may be behind us without a word.
  uint64_t after = 0;
  if (!Parse(item.gap.after_id, &after) || after < client.at || after > head ||
      model_.First(client.wanted, client.at, after) != 0) {
    Wrong(client, absl::StrCat("a gap after ", item.gap.after_id,
                               " instead of ", client.at));
    return;
  }
  CheckNoHole(client, client.at, after);
  client.at = after;
  const uint64_t to = client.at + item.gap.missing;
  if (item.gap.reason == Reason::kRetention) {
    // Exactly what is gone is missing; if it was said some time ago, only what
    // is gone by now.
    const uint64_t want = skips ? head : Earliest() - 1;
    const bool exact = remote() ? to > client.at && to <= want : to == want;
    if (client.at + 1 >= Earliest() || !exact) {
      Wrong(client, absl::StrCat("a gap up to ", to, " instead of ", want));
    }
  } else if (item.gap.reason == Reason::kSlowConsumer) {
    if (client.options.lag_policy != LagPolicy::kSkip ||
        (remote() ? to > head : to != head) || item.gap.missing <= kMaxLag) {
      Wrong(client, absl::StrCat("skipped ", item.gap.missing));
    }
  } else if (item.gap.reason == Reason::kUncleanShutdown) {
    // Exactly the hole, or what is left of it for a client that has seen what
    // the machine forgot; or from it to the head.
    const uint64_t end = after == head ? after : model_.HoleEnd(after + 1);
    const bool exact =
        skips ? to == head || (remote() && to >= end && to < head) : to == end;
    if (model_.FirstInHole(after, end) != after + 1 || !exact) {
      Wrong(client, absl::StrCat("a hole up to ", to, " instead of ", end));
    }
  } else {
    Wrong(client, "a gap for no reason");
  }
  client.at = std::min(to, head);
}

bool ModelDriver::IsBreak(const Client& client, const StreamItem& item) const {
  if (!remote() || !client.may_break || item.end.ok()) return false;
  const std::string reason =
      GetErrorInfo(item.end).value_or(ErrorInfo()).reason;
  return reason == "SERVER_DRAINING" ||
         (reason.empty() && !absl::IsDataLoss(item.end));
}

void ModelDriver::CheckEnd(Client& client, const StreamItem& item) {
  if (IsBreak(client, item)) return;
  if (item.end.ok()) {
    if (!client.options.stop_at_latest ||
        model_.First(client.wanted, client.at, client.head_at_open) != 0) {
      Wrong(client,
            absl::StrCat("ended at ", client.at, " before the newest event, ",
                         client.head_at_open));
    }
    return;
  }
  const std::string reason =
      GetErrorInfo(item.end).value_or(ErrorInfo()).reason;
  const bool slow = reason == "SLOW_CONSUMER" &&
                    client.options.lag_policy == LagPolicy::kDisconnect &&
                    model_.last() - client.at > kMaxLag;
  const bool gone = reason == "REPLAY_POSITION_EXPIRED" &&
                    client.options.gap_policy == GapPolicy::kFail;
  // The details of that do not get through a connection; see StreamReactor.
  const bool stuck =
      reason == "WRITE_STALLED" ||
      (remote() && absl::StrContains(item.end.message(), "has not read"));
  const bool refused = !client.refusal.empty() && reason == client.refusal;
  if (!slow && !gone && !stuck && !refused) {
    Wrong(client, item.end.ToString());
  }
  if (gone || refused) {
    client.position.clear();
    client.seen.clear();
  }
}

void ModelDriver::CheckCursor(Client& client, const StreamItem& item) {
  if (!client.knows_at) return;  // Still the position of another log.
  uint64_t seq = 0;
  if (!Parse(item.cursor, &seq) || seq < client.at || seq > model_.last()) {
    Wrong(client, absl::StrCat("cursor ", item.cursor, " after ", client.at));
    return;
  }
  CheckNoHole(client, client.at, seq);
  const uint64_t left_out = model_.First(client.wanted, client.at, seq);
  if (left_out != 0) {
    Wrong(client, absl::StrCat("cursor ", seq, " is ahead of ", left_out));
  }
  client.at = seq;
}

void ModelDriver::CheckNoHole(Client& client, uint64_t after, uint64_t until) {
  const uint64_t seq = model_.FirstInHole(after, until);
  if (seq != 0) {
    Wrong(client, absl::StrCat("was not told of the hole at ", seq));
  }
}

void ModelDriver::CheckBooks() {
  for (const SubscriberStats& stats : broker_.log->Subscribers()) {
    const uint64_t sum =
        stats.delivered_events + stats.filtered_events + stats.missed_events;
    uint64_t cursor = 0;
    if (!Parse(stats.cursor, &cursor) || sum > cursor) {
      wrong_ = absl::StrCat(stats.stream_id, ": more is counted than there is");
    }
    uint64_t start = 0;
    if (remote() && Parse(stats.start_cursor, &start) &&
        start + sum != cursor) {
      wrong_ = absl::StrCat(stats.stream_id, ": ", start, " + ", sum,
                            " counted is not ", cursor);
    }
    // What was counted, from where it began, is where it is.
    for (const Client& client : clients_) {
      if (client.stream != nullptr && client.knows_at && client.items > 0 &&
          !remote() && client.options.client_name == stats.client &&
          client.start + sum != cursor) {
        Wrong(client, absl::StrCat(client.start, " + ", sum, " counted is not ",
                                   cursor));
      }
    }
  }
}

void ModelDriver::CheckKept(bool had_time) {
  model_.Look(clock_);
  if (!wrong_.empty() || !broker_.tells_time) return;
  wrong_ = model_.CheckEarliest(Earliest(), had_time, clock_);
}

bool ModelDriver::Parse(const std::string& id, uint64_t* seq) const {
  absl::string_view text = id;
  return absl::ConsumePrefix(&text, absl::StrCat(epoch_, "-")) &&
         absl::SimpleAtoi(text, seq);
}

uint64_t ModelDriver::Earliest() const {
  uint64_t seq = 0;
  return Parse(broker_.log->Info().earliest_id, &seq) ? seq : model_.last() + 1;
}

void ModelDriver::Wrong(const Client& client, const std::string& what) {
  if (!wrong_.empty()) return;
  wrong_ = absl::StrCat("client ", &client - clients_.data(), " (filter '",
                        client.wanted, "'): ", what);
}

std::string Shrink(uint64_t seed, const ModelDriver::Make& make,
                   int operations) {
  std::set<int> left_out;
  const auto play = [&](const std::set<int>& without, std::string* story) {
    ModelDriver driver(seed, make, without);
    std::string wrong = driver.Play(operations);
    if (wrong.empty()) return wrong;
    operations = std::min(operations, static_cast<int>(driver.story().size()));
    if (story != nullptr) {
      for (const std::string& line : driver.story()) {
        if (!line.empty()) absl::StrAppend(story, "\n", line);
      }
    }
    return wrong;
  };
  if (play(left_out, nullptr).empty()) return "";
  for (int i = operations - 1; i >= 0; --i) {
    std::set<int> without = left_out;
    without.insert(i);
    if (!play(without, nullptr).empty()) left_out = std::move(without);
  }
  std::string story;
  const std::string wrong = play(left_out, &story);
  return wrong + story;
}

}  // namespace weir
