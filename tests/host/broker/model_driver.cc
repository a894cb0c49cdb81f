#include "tests/host/broker/model_driver.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "host/status/error_info.h"
#include "tests/fakes/fake_event_codec.h"

namespace weir {
namespace {

constexpr const char* kTypes[] = {"a.x", "a.y", "b.x"};
constexpr uint64_t kMaxLag = 60;

}  // namespace

ModelDriver::ModelDriver(uint64_t seed, Make make)
    : random_(seed), make_(std::move(make)) {
  clock_.Advance(absl::Hours(1));
}

ModelDriver::~ModelDriver() {
  clients_.clear();  // Before the broker that they read from.
}

std::string ModelDriver::Play(int operations) {
  Restart();
  clients_.resize(1 + Draw(4));
  for (Client& client : clients_) Connect(client);
  for (int i = 0; i < operations && wrong_.empty(); ++i) {
    Client& client = clients_[Draw(clients_.size())];
    switch (Draw(20)) {
      case 0:
        if (broker_.reincarnate != nullptr) {
          if (Draw(2) == 0) Reincarnate();
        } else if (Draw(15) == 0) {
          Restart();
        }
        break;
      case 1:
      case 2:
        Disconnect(client);
        break;
      case 3:
      case 4:
      case 5:
        clock_.Advance(absl::Milliseconds(Draw(40)));
        broker_.tick();
        break;
      case 6:
        clock_.Advance(absl::Seconds(Draw(90)));
        broker_.tick();
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
  }
  for (Client& client : clients_) {
    if (wrong_.empty()) ReadAll(client);
  }
  return wrong_;
}

void ModelDriver::Restart() {
  for (Client& client : clients_) Disconnect(client);
  broker_ = {};
  epoch_ = absl::StrCat("7k2mq9", 10 + life_++);
  types_.clear();
  broker_ = make_(epoch_, clock_);
}

void ModelDriver::Reincarnate() {
  for (Client& client : clients_) Disconnect(client);
  const auto ending = static_cast<Ending>(Draw(8) == 0 ? 2 : Draw(2));
  // What is not committed is seen by nobody, neither now nor later; a clean end
  // commits it.
  for (uint64_t n = Draw(6); n > 0; --n) {
    Event event;
    event.type = kTypes[Draw(std::size(kTypes))];
    event.source = "host";
    if (ending == Ending::kClean) types_.push_back(event.type);
    broker_.publish(std::move(event));
  }
  // The new one first: the old one is part of what makes it.
  ModelledBroker next = broker_.reincarnate(ending);
  broker_ = std::move(next);
  const std::string id = broker_.log->Info().latest_id;
  absl::string_view text = id;
  uint64_t latest = 0;
  absl::ConsumePrefix(&text, absl::StrCat(epoch_, "-"));
  if (!id.empty() && !absl::SimpleAtoi(text, &latest)) {
    wrong_ = absl::StrCat("the log goes on with ", id);
  }
  if (latest < types_.size()) {
    wrong_ = absl::StrCat(types_.size() - latest, " events are forgotten");
  } else if (latest > types_.size() && ending != Ending::kMachineDown) {
    wrong_ = absl::StrCat(latest - types_.size(), " numbers are skipped");
  }
  if (latest > types_.size()) holes_[types_.size() + 1] = latest;
  types_.resize(latest);
}

void ModelDriver::Publish(uint64_t n) {
  for (uint64_t i = 0; i < n; ++i) {
    Event event;
    event.type = kTypes[Draw(std::size(kTypes))];
    event.source = "host";
    types_.push_back(event.type);
    broker_.publish(std::move(event));
    if (broker_.commit && Draw(20) == 0) broker_.commit();
  }
  if (broker_.commit) broker_.commit();
}

void ModelDriver::Connect(Client& client) {
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
  // The last position, or any earlier one: that is not in order, but allowed.
  std::string from = client.position;
  if (!client.seen.empty() && Draw(3) == 0) {
    from = client.seen[Draw(client.seen.size())];
  }
  client.knows_at = true;
  client.head_at_open = types_.size();
  if (from.empty()) {
    const bool earliest = Draw(2) == 0;
    options.start.kind = earliest ? StartPosition::Kind::kEarliest
                                  : StartPosition::Kind::kLatest;
    client.at = earliest ? Earliest() - 1 : types_.size();
  } else {
    options.start.kind = StartPosition::Kind::kAfterId;
    options.start.after_id = from;
    absl::string_view seq = from;
    client.knows_at = absl::ConsumePrefix(&seq, absl::StrCat(epoch_, "-")) &&
                      absl::SimpleAtoi(seq, &client.at) &&
                      client.at <= types_.size();
  }
  client.start = client.at;
  client.after_hole = options.gap_policy == GapPolicy::kNotifySkipToLatest
                          ? types_.size()
                          : Earliest() - 1;
  client.items = 0;
  options.client_name = absl::StrCat("c", ++connects_);
  client.options = options;
  auto stream = broker_.log->Open(options, [] {});
  if (stream.ok()) {
    client.stream = *std::move(stream);
    return;
  }
  const std::string reason =
      GetErrorInfo(stream.status()).value_or(ErrorInfo()).reason;
  const char* want =
      !client.knows_at ? "REPLAY_EPOCH_MISMATCH" : "REPLAY_POSITION_EXPIRED";
  if (options.gap_policy != GapPolicy::kFail || reason != want ||
      (client.knows_at && client.at + 1 >= Earliest())) {
    Wrong(client, absl::StrCat("refused: ", stream.status().ToString()));
  }
  client.position.clear();
  client.seen.clear();
}

void ModelDriver::Disconnect(Client& client) { client.stream = nullptr; }

void ModelDriver::Read(Client& client, uint64_t at_most) {
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
  for (int i = 0; i < 3 && client.stream != nullptr; ++i) {
    Read(client, 100000);
    clock_.Advance(absl::Minutes(1));
    broker_.tick();
  }
  if (client.stream == nullptr || !wrong_.empty()) return;
  if (FirstWanted(client, client.at, types_.size()) != 0) {
    Wrong(client, absl::StrCat("has nothing to say at ", client.at, " of ",
                               types_.size()));
  }
}

void ModelDriver::Check(Client& client, const StreamItem& item) {
  using Kind = StreamItem::Kind;
  if (item.kind == Kind::kEnd) {
    CheckEnd(client, item);
    client.stream = nullptr;
    return;
  }
  if (item.batch_index != ++client.items) {
    Wrong(client, absl::StrCat("batch index ", item.batch_index));
  }
  if ((item.kind == Kind::kHello) != (client.items == 1)) {
    Wrong(client, "hello is not the first item, or not the only one");
  }
  if (item.kind == Kind::kEvents) CheckEvents(client, item);
  if (item.kind == Kind::kGap) CheckGap(client, item);
  CheckCursor(client, item);
  client.position = item.cursor;
  if (client.seen.size() < 20 || Draw(10) == 0) {
    client.seen.push_back(item.cursor);
  }
}

void ModelDriver::CheckEvents(Client& client, const StreamItem& item) {
  if (!client.knows_at) Wrong(client, "events before the gap");
  uint64_t n = 0;
  for (const SharedBytes& piece : item.pieces) {
    for (const auto& line : FakeEventCodec::Parse(piece.bytes)) {
      const uint64_t want = FirstWanted(client, client.at, types_.size());
      if (line.seq != want) {
        Wrong(client, absl::StrCat("event ", line.seq, " instead of ", want,
                                   " after ", client.at));
        return;
      }
      CheckNoHole(client, client.at, line.seq);
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
  const uint64_t head = types_.size();
  if (!client.knows_at) {  // The position was of another life of the log.
    client.knows_at = true;
    client.at = client.start = client.after_hole;
    if (item.gap.reason != Reason::kEpochChanged || item.gap.missing != 0 ||
        item.cursor != absl::StrCat(epoch_, "-", client.at)) {
      Wrong(client, absl::StrCat("a new log begins after ", item.cursor));
    }
    return;
  }
  // What was filtered out before the hole may be behind us without a word.
  uint64_t after = 0;
  absl::string_view after_id = item.gap.after_id;
  if (!absl::ConsumePrefix(&after_id, absl::StrCat(epoch_, "-")) ||
      !absl::SimpleAtoi(after_id, &after) || after < client.at ||
      FirstWanted(client, client.at, after) != 0) {
    Wrong(client, absl::StrCat("a gap after ", item.gap.after_id,
                               " instead of ", client.at));
    return;
  }
  CheckNoHole(client, client.at, after);
  client.at = after;
  const uint64_t to = client.at + item.gap.missing;
  if (item.gap.reason == Reason::kRetention) {
    // Exactly what is gone is missing.
    const uint64_t want = skips ? head : Earliest() - 1;
    if (client.at + 1 >= Earliest() || to != want) {
      Wrong(client, absl::StrCat("a gap up to ", to, " instead of ", want));
    }
  } else if (item.gap.reason == Reason::kSlowConsumer) {
    if (client.options.lag_policy != LagPolicy::kSkip || to != head ||
        item.gap.missing <= kMaxLag) {
      Wrong(client, absl::StrCat("skipped ", item.gap.missing));
    }
  } else if (item.gap.reason == Reason::kUncleanShutdown) {
    // Exactly the hole, or from it to the head.
    const auto hole = holes_.find(after + 1);
    const uint64_t end = hole == holes_.end() ? after : hole->second;
    if (end == after || to != (skips ? head : end)) {
      Wrong(client, absl::StrCat("a hole up to ", to, " instead of ", end));
    }
  } else {
    Wrong(client, "a gap for no reason");
  }
  client.at = to;
}

void ModelDriver::CheckEnd(Client& client, const StreamItem& item) {
  if (item.end.ok()) {
    if (!client.options.stop_at_latest ||
        FirstWanted(client, client.at, client.head_at_open) != 0) {
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
                    types_.size() - client.at > kMaxLag;
  const bool gone = reason == "REPLAY_POSITION_EXPIRED" &&
                    client.options.gap_policy == GapPolicy::kFail;
  const bool stuck = reason == "WRITE_STALLED";
  if (!slow && !gone && !stuck) Wrong(client, item.end.ToString());
  if (gone) {
    client.position.clear();
    client.seen.clear();
  }
}

void ModelDriver::CheckCursor(Client& client, const StreamItem& item) {
  if (!client.knows_at) return;  // Still the position of another log.
  absl::string_view text = item.cursor;
  uint64_t seq = 0;
  if (!absl::ConsumePrefix(&text, absl::StrCat(epoch_, "-")) ||
      !absl::SimpleAtoi(text, &seq) || seq < client.at || seq > types_.size()) {
    Wrong(client, absl::StrCat("cursor ", item.cursor, " after ", client.at));
    return;
  }
  CheckNoHole(client, client.at, seq);
  const uint64_t left_out = FirstWanted(client, client.at, seq);
  if (left_out != 0) {
    Wrong(client, absl::StrCat("cursor ", seq, " is ahead of ", left_out));
  }
  client.at = seq;
}

void ModelDriver::CheckNoHole(Client& client, uint64_t after, uint64_t until) {
  for (uint64_t seq = after + 1; seq <= until; ++seq) {
    if (!types_[seq - 1].empty()) continue;
    Wrong(client, absl::StrCat("was not told of the hole at ", seq));
    return;
  }
}

void ModelDriver::CheckBooks() {
  for (const SubscriberStats& stats : broker_.log->Subscribers()) {
    const uint64_t sum =
        stats.delivered_events + stats.filtered_events + stats.missed_events;
    absl::string_view text = stats.cursor;
    uint64_t cursor = 0;
    absl::ConsumePrefix(&text, absl::StrCat(epoch_, "-"));
    if (!absl::SimpleAtoi(text, &cursor) || sum > cursor) {
      wrong_ = absl::StrCat(stats.stream_id, ": more is counted than there is");
    }
    // What was counted, from where it began, is where it is.
    for (const Client& client : clients_) {
      if (client.stream != nullptr && client.knows_at &&
          client.options.client_name == stats.client &&
          client.start + sum != cursor) {
        Wrong(client, absl::StrCat(client.start, " + ", sum, " counted is not ",
                                   cursor));
      }
    }
  }
}

bool ModelDriver::Wants(const Client& client, uint64_t seq) const {
  const std::string& type = types_[seq - 1];
  return !type.empty() && (client.wanted.empty() || type == client.wanted);
}

// The first event in (after, until] that `client` wants; 0 if there is none.
uint64_t ModelDriver::FirstWanted(const Client& client, uint64_t after,
                                  uint64_t until) const {
  for (uint64_t seq = after + 1; seq <= until; ++seq) {
    if (Wants(client, seq)) return seq;
  }
  return 0;
}

uint64_t ModelDriver::Earliest() const {
  const std::string id = broker_.log->Info().earliest_id;
  absl::string_view text = id;
  uint64_t seq = 0;
  absl::ConsumePrefix(&text, absl::StrCat(epoch_, "-"));
  return absl::SimpleAtoi(text, &seq) ? seq : types_.size() + 1;
}

void ModelDriver::Wrong(const Client& client, const std::string& what) {
  if (!wrong_.empty()) return;
  wrong_ = absl::StrCat("client ", &client - clients_.data(), " (filter '",
                        client.wanted, "'): ", what);
}

}  // namespace weir
