#include "host/sink/sink.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "host/log/log.h"
#include "host/pipeline/event.h"
#include "host/status/json_text.h"

namespace weir {
namespace {

using Outcome = Delivery::Outcome;

// Of one call. What is larger by itself goes alone.
constexpr size_t kMaxBatchBytes = 4 << 20;

constexpr int64_t kTellEveryNs = 60'000'000'000;

// An event about what was rejected must not lead to the next one.
constexpr absl::string_view kOwnEvents = "weir.sink.";

// The number in "<epoch>-<seq>"; 0 of no cursor.
uint64_t SeqOf(absl::string_view cursor) {
  uint64_t seq = 0;
  const size_t dash = cursor.rfind('-');
  if (dash == absl::string_view::npos ||
      !absl::SimpleAtoi(cursor.substr(dash + 1), &seq)) {
    return 0;
  }
  return seq;
}

uint32_t BurstOf(double rate) {
  return static_cast<uint32_t>(std::max(1.0, std::ceil(rate)));
}

}  // namespace

Sink::Sink(SinkOptions options, std::unique_ptr<Delivery> delivery,
           std::unique_ptr<Sleeper> sleeper, Host host)
    : options_(std::move(options)),
      delivery_(std::move(delivery)),
      sleeper_(std::move(sleeper)),
      host_(host),
      file_(options_.cursor_path),
      random_(options_.seed),
      backoff_(options_.retry, random_),
      tokens_(options_.rate_limit, BurstOf(options_.rate_limit),
              host.clock.MonotonicNs()),
      told_ns_(host.clock.MonotonicNs() - kTellEveryNs) {
  stats_.name = options_.name;
}

Sink::~Sink() { Stop(absl::ZeroDuration()); }

void Sink::Start() {
  {
    MutexLock lock(&mu_);
    ended_ = false;
  }
  thread_ = std::thread([this] { Run(); });
}

void Sink::Drain() {
  {
    MutexLock lock(&mu_);
    draining_ = true;
  }
  changed_.NotifyAll();
  sleeper_->Wake();
}

void Sink::Stop(absl::Duration limit) {
  Drain();
  {
    MutexLock lock(&mu_);
    const int64_t end_ns =
        host_.clock.MonotonicNs() +
        absl::ToInt64Nanoseconds(std::min(limit, absl::Hours(24)));
    while (!ended_) {
      const int64_t left_ns = end_ns - host_.clock.MonotonicNs();
      if (left_ns <= 0) break;
      changed_.WaitFor(&mu_, absl::Nanoseconds(left_ns));
    }
  }
  delivery_->Interrupt();
  if (thread_.joinable()) thread_.join();
}

SinkStats Sink::Stats() const {
  const uint64_t latest = SeqOf(host_.log.Info().latest_id);
  MutexLock lock(&mu_);
  SinkStats stats = stats_;
  const uint64_t seq = SeqOf(stats.cursor);
  stats.lag_events = stats.cursor.empty() || latest < seq ? 0 : latest - seq;
  return stats;
}

void Sink::Run() {
  while (true) {
    const absl::Status end = Follow();
    if (draining()) break;
    NoteError(end.message());
    if (!sleeper_->SleepFor(backoff_.Next())) break;
  }
  MutexLock lock(&mu_);
  ended_ = true;
  changed_.NotifyAll();
}

absl::Status Sink::Follow() {
  StreamOptions options;
  options.filters = options_.filters;
  options.client_name = options_.name;
  options.batch.max_delay = absl::ZeroDuration();  // Calls batch by themselves.
  options.batch.max_events = static_cast<uint32_t>(delivery_->max_events());
  if (read_.empty()) {
    auto cursor = file_.Load();
    if (!cursor.ok()) return cursor.status();
    written_ = read_ = cursor->value_or("");
    MutexLock lock(&mu_);
    stats_.cursor = read_;
  }
  if (!read_.empty()) {
    options.start.kind = StartPosition::Kind::kAfterId;
    options.start.after_id = read_;
  } else if (options_.from_earliest) {
    options.start.kind = StartPosition::Kind::kEarliest;
  }
  auto stream = host_.log.Open(std::move(options), [this] {
    MutexLock lock(&mu_);
    ready_ = true;
    changed_.NotifyAll();
  });
  if (!stream.ok()) return stream.status();
  absl::Status end;
  bool goes_on = true;
  while (true) {
    // Once it has said its end, it says nothing more, not even that again.
    if (goes_on) goes_on = Fill(**stream, &end);
    TellRejected();
    if (!pending_.empty()) {
      if (!DeliverSome()) return absl::CancelledError("the host stops");
    } else if (!goes_on) {
      return end;
    } else if (!AwaitReady()) {
      return absl::CancelledError("the host stops");
    }
  }
}

bool Sink::Fill(EventStream& stream, absl::Status* end) {
  *end = stream.forced_end();
  if (!end->ok()) return false;
  StreamItem item;
  while (pending_.size() < delivery_->max_events() && stream.Next(&item)) {
    if (item.kind == StreamItem::Kind::kEnd) {
      *end =
          item.end.ok() ? absl::UnavailableError("the stream ended") : item.end;
      return false;
    }
    Take(item);
    uint64_t bytes = 0;
    for (const SharedBytes& piece : item.pieces) bytes += piece.bytes.size();
    stream.OnWritten(bytes);
  }
  return true;
}

void Sink::Take(StreamItem& item) {
  for (const SharedBytes& piece : item.pieces) {
    v1::SubscribeResponse part;  // Whose events the bytes of a piece are.
    part.ParseFromArray(piece.bytes.data(),
                        static_cast<int>(piece.bytes.size()));
    for (v1::Event& event : *part.mutable_events()) {
      Pending one;
      one.bytes = event.ByteSizeLong();
      one.before = std::exchange(read_, event.id());
      one.event = std::move(event);
      pending_.push_back(std::move(one));
    }
  }
  if (item.kind == StreamItem::Kind::kGap) {
    {
      MutexLock lock(&mu_);
      stats_.missed_events += item.gap.missing;
    }
    LogWarning(options_.name,
               "events are gone before they were delivered: ", item.gap.missing,
               " between ", item.gap.after_id, " and ", item.gap.before_id,
               "; raise broker.retention_age or retention_bytes");
  }
  const std::string& cursor = item.kind == StreamItem::Kind::kHello
                                  ? item.hello.start_cursor
                                  : item.cursor;
  if (!cursor.empty()) read_ = cursor;
  if (pending_.empty()) MoveCursor();
}

bool Sink::AwaitReady() {
  MutexLock lock(&mu_);
  while (!ready_ && !draining_) changed_.Wait(&mu_);
  return std::exchange(ready_, false);
}

bool Sink::DeliverSome() {
  const std::vector<const v1::Event*> batch = NextBatch();
  if (!AwaitTokens(static_cast<uint32_t>(batch.size()))) return false;
  const Delivery::Result result = delivery_->Deliver(batch);
  if (!Settle(result)) return true;
  if (draining()) return false;
  return sleeper_->SleepFor(std::max(backoff_.Next(), result.retry_after)) &&
         !draining();
}

std::vector<const v1::Event*> Sink::NextBatch() const {
  size_t most = delivery_->max_events();
  if (options_.rate_limit > 0) {
    most = std::min<size_t>(most, BurstOf(options_.rate_limit));
  }
  std::vector<const v1::Event*> batch;
  size_t bytes = 0;
  for (const Pending& one : pending_) {
    bytes += one.bytes;
    if (batch.size() == most || (!batch.empty() && bytes > kMaxBatchBytes)) {
      break;
    }
    batch.push_back(&one.event);
  }
  return batch;
}

bool Sink::AwaitTokens(uint32_t n) {
  if (options_.rate_limit <= 0) return true;
  while (!tokens_.TryTake(host_.clock.MonotonicNs(), n)) {
    const int64_t wait_ns = tokens_.WaitNs(host_.clock.MonotonicNs(), n);
    if (!sleeper_->SleepFor(absl::Nanoseconds(wait_ns))) return false;
  }
  return true;
}

bool Sink::Settle(const Delivery::Result& result) {
  uint64_t delivered = 0, failed = 0, rejected = 0, later = 0;
  std::deque<Pending> kept;
  for (const Outcome outcome : result.outcomes) {
    Pending one = std::move(pending_.front());
    pending_.pop_front();
    if (outcome == Outcome::kFailed) {
      ++failed;
      ++one.attempts;
    }
    const bool given_up =
        options_.max_attempts > 0 && one.attempts >= options_.max_attempts;
    if (outcome == Outcome::kDelivered) {
      ++delivered;
    } else if (outcome == Outcome::kRejected || given_up) {
      ++rejected;
      Reject(one, result.error);
    } else {
      later += outcome == Outcome::kFailed ? 1 : 0;
      kept.push_back(std::move(one));
    }
  }
  pending_.insert(pending_.begin(), std::make_move_iterator(kept.begin()),
                  std::make_move_iterator(kept.end()));
  // A server that holds all of them up and blames none is a failure, too.
  const bool again = later > 0 || (delivered == 0 && rejected == 0);
  {
    MutexLock lock(&mu_);
    stats_.delivered_events += delivered;
    stats_.delivered_bytes += result.bytes;
    stats_.rejected_events += rejected;
    stats_.failed_attempts += again || failed > 0 ? 1 : 0;
    if (delivered > 0) stats_.last_delivery_time = host_.clock.Now();
  }
  if (delivered > 0) backoff_.Reset();
  if (again) {
    // An interruption is none of the other side's.
    if (!absl::IsCancelled(result.error)) NoteError(result.error.message());
  } else if (delivered > 0 && !failing_.empty()) {
    failing_.clear();
    LogInfo(options_.name, "delivers again");
  }
  MoveCursor();
  return again && !pending_.empty();
}

void Sink::Reject(const Pending& pending, const absl::Status& why) {
  const std::string id = pending.event.id();
  {
    MutexLock lock(&mu_);
    stats_.last_error = ToUtf8(absl::StrCat(id, ": ", why.message()));
  }
  LogWarning(options_.name, "event ", id, " (", pending.event.type(),
             ") is given up: ", why.message());
  if (absl::StartsWith(pending.event.type(), kOwnEvents)) return;
  ++untold_;
  untold_id_ = id;
  untold_why_ = std::string(why.message());
}

void Sink::TellRejected() {
  const int64_t now_ns = host_.clock.MonotonicNs();
  if (untold_ == 0 || now_ns - told_ns_ < kTellEveryNs) return;
  told_ns_ = now_ns;
  Event event = {.type = "weir.sink.rejected",
                 .source = options_.name,
                 .subject = untold_id_,
                 .severity = Severity::kWarning,
                 .event_time = host_.clock.Now()};
  event.json = absl::StrCat("{\"count\":", std::exchange(untold_, 0),
                            ",\"last_event\":", ToJsonString(untold_id_),
                            ",\"error\":", ToJsonString(untold_why_), "}");
  const absl::Status told = host_.events.Publish(std::move(event));
  if (!told.ok()) LogError(options_.name, told.message());
}

void Sink::MoveCursor() {
  const std::string& settled =
      pending_.empty() ? read_ : pending_.front().before;
  if (settled.empty() || settled == written_) return;
  {
    MutexLock lock(&mu_);
    stats_.cursor = settled;
  }
  const absl::Status saved = file_.Save(settled);
  if (saved.ok()) {
    written_ = settled;
    if (std::exchange(file_failing_, false)) {
      LogInfo(options_.name, "its cursor is written again");
    }
    return;
  }
  {
    MutexLock lock(&mu_);
    stats_.last_error = ToUtf8(saved.message());
  }
  if (std::exchange(file_failing_, true)) return;
  LogError(options_.name,
           "its cursor cannot be written, so what is delivered from now on is "
           "delivered again after a restart: ",
           saved.message());
}

void Sink::NoteError(absl::string_view text) {
  const std::string error = ToUtf8(text);
  {
    MutexLock lock(&mu_);
    stats_.last_error = error;
  }
  if (std::exchange(failing_, error) == error) return;
  LogWarning(options_.name, "does not deliver: ", error);
}

bool Sink::draining() const {
  MutexLock lock(&mu_);
  return draining_;
}

}  // namespace weir
