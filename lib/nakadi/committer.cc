#include "lib/nakadi/committer.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/nakadi/error.h"
#include "lib/nakadi/json_string.h"

namespace weir::nakadi {
namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
constexpr absl::Duration kFirstWait = absl::Milliseconds(100);
constexpr absl::Duration kLongestWait = absl::Seconds(1);
// A call that took longer is given up, and made again: it is idempotent.
constexpr absl::Duration kCallTimeout = absl::Seconds(10);

bool IsSessionGone(const absl::Status& status) {
  return absl::StrContains(GetError(status).detail, "Session with stream id");
}

bool Is422(const absl::Status& status) {
  return GetError(status).http_status == 422;
}

std::string Body(const std::vector<Cursor>& cursors) {
  std::string body = "{\"items\":[";
  for (const Cursor& cursor : cursors) {
    absl::StrAppend(&body, body.back() == '[' ? "" : ",",
                    "{\"partition\":", JsonString(cursor.partition),
                    ",\"offset\":", JsonString(cursor.offset),
                    ",\"event_type\":", JsonString(cursor.event_type),
                    ",\"cursor_token\":", JsonString(cursor.cursor_token), "}");
  }
  body.append("]}");
  return body;
}

}  // namespace

Committer::Committer(Options options, Hooks hooks, const Clock& clock)
    : options_(std::move(options)),
      hooks_(std::move(hooks)),
      clock_(clock),
      transfer_(options_.client, /*packed=*/false, clock),
      subscription_id_(options_.subscription_id),
      thread_([this] { Run(); }) {}

Committer::~Committer() { Stop(absl::ZeroDuration()); }

void Committer::SetSubscription(std::string id) {
  client::MutexLock lock(&mu_);
  subscription_id_ = std::move(id);
}

void Committer::BeginStream(uint64_t stream) {
  client::MutexLock lock(&mu_);
  streams_[stream];
  newest_ = stream;
}

void Committer::EndStream(uint64_t stream) {
  client::MutexLock lock(&mu_);
  const auto it = streams_.find(stream);
  if (it == streams_.end()) return;
  it->second.ended = true;
  it->second.ended_ns = clock_.MonotonicNs();
  Sweep();
  told_.NotifyAll();
}

uint64_t Committer::HandOut(uint64_t stream, std::vector<HandedOut> ends) {
  client::MutexLock lock(&mu_);
  return streams_[stream].ledger.Add(std::move(ends), clock_.MonotonicNs());
}

void Committer::Done(uint64_t stream, uint64_t batch) {
  client::MutexLock lock(&mu_);
  const auto it = streams_.find(stream);
  if (it == streams_.end()) return;
  const int64_t was_due_ns = DueNs(it->second);
  const uint64_t was_ready = it->second.ledger.ready_events();
  it->second.ledger.Done(batch, clock_.MonotonicNs());
  if (it->second.dead) {
    counts_.dropped_events += it->second.ledger.ready_events() - was_ready;
  }
  // It wakes by itself for what it knew already.
  if (DueNs(it->second) < was_due_ns) told_.NotifyAll();
  Sweep();
}

absl::Status Committer::CommitNow(const Cursor& cursor) {
  Wanted wanted = {.cursor = cursor};
  client::MutexLock lock(&mu_);
  if (stopping_) return absl::CancelledError("closed");
  wanted_.push_back(&wanted);
  told_.NotifyAll();
  while (!wanted.done) told_.Wait(&mu_);
  return wanted.status;
}

void Committer::Stop(absl::Duration budget) {
  {
    client::MutexLock lock(&mu_);
    if (!stopping_) {
      stopping_ = true;
      stop_by_ns_ = clock_.MonotonicNs() + absl::ToInt64Nanoseconds(budget);
      transfer_.EndBy(stop_by_ns_);
      told_.NotifyAll();
    }
  }
  if (thread_.joinable()) thread_.join();
}

int64_t Committer::DeadlineNs(const Stream& stream) const {
  if (!stream.ledger.clock_ns().has_value()) return kNever;
  return *stream.ledger.clock_ns() +
         absl::ToInt64Nanoseconds(options_.commit_timeout);
}

int64_t Committer::DueNs(const Stream& stream) const {
  const CommitLedger& ledger = stream.ledger;
  if (stream.dead || !ledger.ready_since_ns().has_value()) return kNever;
  if (stream.not_before_ns > clock_.MonotonicNs() && !stopping_) {
    return stream.not_before_ns;
  }
  const CommitStrategy& strategy = options_.strategy;
  const bool by_count = strategy.every_events > 0;
  const bool by_time = strategy.interval > absl::ZeroDuration();
  // Otherwise the server has little more to send, and waits for us.
  const uint64_t enough = std::max<uint64_t>(options_.window * 3 / 4, 1);
  if ((!by_count && !by_time) || stream.ended || stopping_ ||
      (by_count && ledger.ready_events() >= strategy.every_events) ||
      ledger.ready_events() >= enough) {
    return 0;
  }
  int64_t due_ns = DeadlineNs(stream);
  if (due_ns != kNever) {
    due_ns -= absl::ToInt64Nanoseconds(options_.commit_timeout / 4);
  }
  if (by_time) {
    due_ns = std::min(due_ns, *ledger.ready_since_ns() +
                                  absl::ToInt64Nanoseconds(strategy.interval));
  }
  return due_ns;
}

void Committer::Run() {
  while (true) {
    uint64_t stream = 0;
    bool wanted = false, due = false;
    {
      client::MutexLock lock(&mu_);
      while (true) {
        const int64_t now_ns = clock_.MonotonicNs();
        int64_t next_ns = kNever;
        for (const auto& [number, one] : streams_) {
          const int64_t due_ns = DueNs(one);
          if (due_ns <= now_ns) {
            due = true;
            stream = number;
            break;
          }
          next_ns = std::min(next_ns, due_ns);
        }
        wanted = !wanted_.empty();
        if (due || wanted) break;
        if (stopping_) return;
        if (next_ns == kNever) {
          told_.Wait(&mu_);
        } else {
          told_.WaitFor(&mu_, absl::Nanoseconds(next_ns - now_ns));
        }
      }
      if (stopping_ && clock_.MonotonicNs() >= stop_by_ns_) {
        for (Wanted* one : wanted_) {
          one->status = absl::CancelledError("closed");
          one->done = true;
        }
        wanted_.clear();
        told_.NotifyAll();
        return;
      }
    }
    if (wanted) CommitWanted();
    if (!due) continue;
    CommitStream(stream);
    if (hooks_.settled) hooks_.settled();
  }
}

void Committer::CommitStream(uint64_t stream) {
  std::vector<Cursor> cursors;
  int64_t deadline_ns = kNever;
  {
    client::MutexLock lock(&mu_);
    const Stream& one = streams_[stream];
    cursors = one.ledger.Ready();
    deadline_ns = DeadlineNs(one);
  }
  absl::Status status = Commit(cursors, deadline_ns);
  if (!status.ok() && Is422(status) && !IsSessionGone(status) &&
      cursors.size() > 1) {
    for (const Cursor& cursor : cursors) {
      Settle(stream, cursor, Commit({cursor}, deadline_ns));
    }
    return;
  }
  for (const Cursor& cursor : cursors) Settle(stream, cursor, status);
}

void Committer::Settle(uint64_t stream, const Cursor& cursor,
                       const absl::Status& status) {
  if (SettleOne(stream, cursor, status) && hooks_.lost) {
    hooks_.lost(stream, status);
  }
}

bool Committer::SettleOne(uint64_t stream, const Cursor& cursor,
                          const absl::Status& status) {
  client::MutexLock lock(&mu_);
  const auto it = streams_.find(stream);
  if (it == streams_.end()) return false;
  Stream& one = it->second;
  const int64_t now_ns = clock_.MonotonicNs();
  bool lost = false;
  const uint64_t before = one.ledger.uncommitted_events();
  if (status.ok()) {
    one.ledger.Committed(cursor, now_ns);
    counts_.events += before - one.ledger.uncommitted_events();
    committed_[absl::StrCat(cursor.event_type, "/", cursor.partition)] =
        cursor.offset;
  } else if (Is422(status) && !IsSessionGone(status)) {
    one.ledger.Forget(cursor);
    counts_.dropped_events += before - one.ledger.uncommitted_events();
  } else if (absl::IsUnavailable(status) && !one.ended && !stopping_ &&
             now_ns < DeadlineNs(one)) {
    one.not_before_ns = now_ns + absl::ToInt64Nanoseconds(kLongestWait);
  } else if (!one.dead) {
    // What it had is delivered again.
    one.dead = true;
    lost = !one.ended && !stopping_;
    counts_.dropped_events += one.ledger.ready_events();
  }
  Sweep();
  return lost;
}

void Committer::Sweep() {
  // By then the server has forgotten the stream, whoever still has a batch.
  const int64_t old_ns = clock_.MonotonicNs() -
                         2 * absl::ToInt64Nanoseconds(options_.commit_timeout);
  for (auto it = streams_.begin(); it != streams_.end();) {
    const Stream& one = it->second;
    const bool over = (one.dead && one.ledger.all_done()) ||
                      one.ledger.empty() || one.ended_ns < old_ns;
    it = one.ended && over ? streams_.erase(it) : std::next(it);
  }
}

void Committer::CommitWanted() {
  std::vector<Wanted*> wanted;
  {
    client::MutexLock lock(&mu_);
    wanted.swap(wanted_);
  }
  // The last cursor of each partition, by stream.
  std::map<std::string, std::vector<Cursor>> by_stream;
  for (const Wanted* one : wanted) {
    std::vector<Cursor>& cursors = by_stream[one->cursor.stream_id];
    const auto same =
        std::find_if(cursors.begin(), cursors.end(), [&](const Cursor& other) {
          return other.partition == one->cursor.partition &&
                 other.event_type == one->cursor.event_type;
        });
    if (same == cursors.end()) {
      cursors.push_back(one->cursor);
    } else {
      *same = one->cursor;
    }
  }
  const int64_t deadline_ns =
      clock_.MonotonicNs() + absl::ToInt64Nanoseconds(options_.commit_timeout);
  for (const auto& [stream_id, cursors] : by_stream) {
    const absl::Status status = Commit(cursors, deadline_ns);
    const bool split =
        Is422(status) && !IsSessionGone(status) && cursors.size() > 1;
    for (const Cursor& cursor : cursors) {
      const absl::Status its = split ? Commit({cursor}, deadline_ns) : status;
      client::MutexLock lock(&mu_);
      for (Wanted* one : wanted) {
        if (one->cursor.stream_id != stream_id ||
            one->cursor.partition != cursor.partition ||
            one->cursor.event_type != cursor.event_type) {
          continue;
        }
        one->status = its;
        one->done = true;
      }
      told_.NotifyAll();
    }
  }
}

absl::Status Committer::Commit(const std::vector<Cursor>& cursors,
                               int64_t deadline_ns) {
  const int64_t begin_ns = clock_.MonotonicNs();
  const int64_t give_up_ns = std::min(
      deadline_ns,
      begin_ns + absl::ToInt64Nanoseconds(options_.strategy.max_elapsed));
  absl::Duration wait = kFirstWait;
  int unauthorized = 0;
  while (true) {
    const absl::Duration left =
        absl::Nanoseconds(give_up_ns - clock_.MonotonicNs());
    const absl::Status status = CallOnce(
        cursors,
        std::clamp(left, absl::Duration(absl::Milliseconds(1)), kCallTimeout));
    if (status.ok()) {
      if (hooks_.ok) hooks_.ok();
      return status;
    }
    unauthorized += GetError(status).http_status == 401 ? 1 : 0;
    bool again =
        options_.strategy.retry && absl::IsUnavailable(status) &&
        unauthorized <= 3 &&
        clock_.MonotonicNs() + absl::ToInt64Nanoseconds(wait) < give_up_ns;
    if (unauthorized == 1) wait = absl::ZeroDuration();
    {
      client::MutexLock lock(&mu_);
      again = again && !stopping_;
    }
    if (hooks_.error && !absl::IsCancelled(status)) {
      hooks_.error(status, again ? wait : absl::ZeroDuration());
    }
    if (!again) return status;
    {
      client::MutexLock lock(&mu_);
      const int64_t until_ns =
          clock_.MonotonicNs() + absl::ToInt64Nanoseconds(wait);
      while (!stopping_ && clock_.MonotonicNs() < until_ns) {
        told_.WaitFor(&mu_, absl::Nanoseconds(until_ns - clock_.MonotonicNs()));
      }
    }
    wait = std::clamp(wait * 2, kFirstWait, kLongestWait);
  }
}

absl::Status Committer::CallOnce(const std::vector<Cursor>& cursors,
                                 absl::Duration timeout) {
  HttpRequest request = {
      .method = "POST",
      .headers = {absl::StrCat("X-Nakadi-StreamId: ", cursors[0].stream_id)},
      .body = Body(cursors)};
  ++calls_made_;
  if (!options_.client.flow_id_prefix.empty()) {
    request.headers.push_back(
        absl::StrCat("X-Flow-Id: ", options_.client.flow_id_prefix, "-commit-",
                     calls_made_));
  }
  {
    client::MutexLock lock(&mu_);
    request.url = absl::StrCat(options_.client.url, "/subscriptions/",
                               subscription_id_, "/cursors");
  }
  HttpAnswer answer;
  std::string body;
  absl::Status status = transfer_.Do(request, timeout, &answer, &body);
  const bool accepted = answer.status == 200 || answer.status == 204;
  if (accepted) {
    // The status line says it all, also if the rest of it was cut.
    status = absl::OkStatus();
  } else if (answer.status != 0) {
    status = ErrorOfAnswer("commit", answer.status, body, answer.flow_id,
                           answer.retry_after);
  }
  client::MutexLock lock(&mu_);
  ++counts_.calls;
  if (accepted) {
    ++counts_.committed;
    counts_.cursors += cursors.size();
    counts_.outdated += answer.status == 200 ? 1 : 0;
  } else {
    ++counts_.errors;
    counts_.rejected += answer.status == 422 ? 1 : 0;
  }
  return status;
}

Committer::Counts Committer::counts() const {
  client::MutexLock lock(&mu_);
  return counts_;
}

uint64_t Committer::window_use() const {
  client::MutexLock lock(&mu_);
  const auto it = streams_.find(newest_);
  return it == streams_.end() ? 0 : it->second.ledger.uncommitted_events();
}

absl::Duration Committer::oldest_uncommitted() const {
  client::MutexLock lock(&mu_);
  const auto it = streams_.find(newest_);
  if (it == streams_.end() || !it->second.ledger.clock_ns().has_value()) {
    return absl::ZeroDuration();
  }
  return absl::Nanoseconds(clock_.MonotonicNs() -
                           *it->second.ledger.clock_ns());
}

uint64_t Committer::ready_events() const {
  client::MutexLock lock(&mu_);
  uint64_t events = 0;
  for (const auto& [number, stream] : streams_) {
    if (!stream.dead) events += stream.ledger.ready_events();
  }
  return events;
}

std::map<std::string, std::string> Committer::committed() const {
  client::MutexLock lock(&mu_);
  return committed_;
}

}  // namespace weir::nakadi
