#include "host/source/streamer.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/random/bit_gen_ref.h"
#include "absl/strings/str_cat.h"
#include "host/log/log.h"
#include "host/pipeline/event.h"
#include "host/pipeline/receipt.h"
#include "host/source/source_error.h"
#include "host/status/error_info.h"
#include "host/status/json_text.h"

namespace weir {
namespace {

using State = SourceStatus::State;

std::string WithReason(absl::string_view what, absl::string_view reason) {
  if (reason.empty()) return std::string(what);
  return absl::StrCat(what, ": ", ToUtf8(reason));
}

}  // namespace

Streamer::Streamer(const StreamerOptions& options,
                   std::unique_ptr<Source> source, FrameSink& sink,
                   EventSink& events, const Clock& clock,
                   SleeperFactory sleepers)
    : options_(options),
      source_(std::move(source)),
      sink_(sink),
      events_(events),
      clock_(clock),
      sleepers_(std::move(sleepers)),
      area_(absl::StrCat("sources/", options.id)),
      history_(options.id, source_->description(),
               {.staleness = options.staleness,
                .max_lag = options.max_lag,
                .reset_after = options.backoff.reset_after},
               clock.Now()),
      random_(options.seed),
      backoff_(options.backoff, absl::BitGenRef(random_)) {
  if (options.disabled) {
    paused_ = true;
    history_.Disabled(clock.Now());
  }
}

Streamer::~Streamer() { Stop(); }

void Streamer::Start() {
  MutexLock thread_lock(&thread_mu_);
  {
    MutexLock lock(&mu_);
    if (stopping_) return;
  }
  if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
}

void Streamer::RequestStop() {
  MutexLock lock(&mu_);
  stopping_ = true;
  InterruptLocked();
}

void Streamer::Stop() {
  RequestStop();
  MutexLock thread_lock(&thread_mu_);
  if (thread_.joinable()) thread_.join();
  MutexLock lock(&mu_);
  history_.Disconnected(clock_.Now());
  history_.Stopped(clock_.Now());
}

void Streamer::Pause(absl::string_view reason) {
  {
    MutexLock lock(&mu_);
    const State state = history_.status().state;
    if (paused_ || stopping_ || state == State::kFinished) return;
    paused_ = true;
    reconnecting_ = false;
    history_.Paused(WithReason("paused", reason), clock_.Now());
    InterruptLocked();
  }
  LogInfo(area_, WithReason("paused", reason));
  Speak();
}

void Streamer::Resume(absl::string_view reason) {
  {
    MutexLock lock(&mu_);
    if (!paused_ || stopping_) return;
    paused_ = false;
    resting_ = false;
    // The connection may not have ended yet; it is not to go on as if nothing
    // had been.
    reconnecting_ = true;
    history_.Resumed(clock_.Now());
    told_.NotifyAll();
  }
  LogInfo(area_, WithReason("resumed", reason));
}

absl::Status Streamer::Reconnect(bool reset_backoff, absl::string_view reason) {
  {
    MutexLock lock(&mu_);
    const State state = history_.status().state;
    if (paused_ || stopping_ || state == State::kFinished) {
      const absl::string_view is = stopping_ ? "stopped"
                                   : paused_ ? "paused"
                                             : "finished";
      return MakeError(
          absl::StatusCode::kFailedPrecondition,
          absl::StrCat(area_, " is ", is, "; only a source that is not ",
                       paused_ ? "paused can reconnect: resume it"
                               : "at its end can reconnect"),
          {.reason = "SOURCE_STATE",
           .metadata = {{"source", area_}, {"state", std::string(is)}}});
    }
    reconnecting_ = true;
    resting_ = false;
    if (reset_backoff) backoff_.Reset();
    history_.Reconnecting(WithReason("reconnect", reason), clock_.Now());
    InterruptLocked();
  }
  LogInfo(area_, WithReason("reconnects on request", reason));
  Speak();
  return absl::OkStatus();
}

void Streamer::InterruptLocked() {
  source_->Interrupt();
  if (sleeper_ != nullptr) sleeper_->Wake();
  told_.NotifyAll();
}

void Streamer::Run() {
  while (AwaitTurn()) {
    absl::Status status = source_->Connect();
    if (status.ok()) {
      NoteConnected();
      status = ReadAll();
    }
    const bool wait = NoteEnd(status);
    Speak();
    if (wait) BackOff();
  }
}

bool Streamer::AwaitTurn() {
  MutexLock lock(&mu_);
  while (!stopping_ && (paused_ || resting_)) told_.Wait(&mu_);
  if (stopping_) return false;
  reconnecting_ = false;
  source_->Rearm();
  history_.Connecting(clock_.Now());
  return true;
}

void Streamer::NoteConnected() {
  {
    MutexLock lock(&mu_);
    if (CalledOffLocked()) return;
    history_.Connected(clock_.Now());
  }
  LogInfo(area_, "connected to ", source_->description().endpoint);
}

absl::Status Streamer::ReadAll() {
  while (true) {
    batch_.frames.clear();
    batch_.subjects.clear();
    batch_.notes.clear();
    batch_.receipt = Receipt();
    if (absl::Status status = source_->Read(&batch_); !status.ok()) {
      return status;
    }
    HandOver();
  }
}

void Streamer::HandOver() {
  uint64_t bytes = 0;
  for (const absl::string_view frame : batch_.frames) bytes += frame.size();
  const int64_t begin_ns = clock_.MonotonicNs();
  std::vector<Event> events;
  {
    MutexLock lock(&mu_);
    history_.Received(bytes, batch_.received_at, begin_ns);
    events = history_.TakeEvents();
  }
  Publish(std::move(events));
  CountCompletion();
  accept_begin_ns_.store(begin_ns, std::memory_order_relaxed);
  sink_.Accept(batch_);
  const int64_t blocked_ns = BlockedNs();
  accept_begin_ns_.store(kNotInAccept, std::memory_order_relaxed);
  blocked_ns_.fetch_add(blocked_ns, std::memory_order_relaxed);
}

void Streamer::CountCompletion() {
  completion_->open.fetch_add(1, std::memory_order_relaxed);
  const auto count = [](Completion& completion, Outcome outcome) {
    completion.open.fetch_sub(1, std::memory_order_relaxed);
    completion.completed.fetch_add(1, std::memory_order_relaxed);
    if (outcome == Outcome::kSomeLost) {
      completion.incomplete.fetch_add(1, std::memory_order_relaxed);
    }
  };
  if (!batch_.receipt) {
    // Small enough for the receipt to hold it without allocating.
    batch_.receipt =
        Receipt([count, completion = completion_](Outcome outcome) {
          count(*completion, outcome);
        });
    return;
  }
  batch_.receipt =
      Receipt([count, completion = completion_,
               receipt = std::move(batch_.receipt)](Outcome outcome) mutable {
        receipt.Complete(outcome);
        count(*completion, outcome);
      });
}

bool Streamer::NoteEnd(const absl::Status& status) {
  MutexLock lock(&mu_);
  const absl::Time now = clock_.Now();
  if (history_.Disconnected(now)) backoff_.Reset();
  if (CalledOffLocked() || absl::IsCancelled(status)) return false;
  if (absl::IsOutOfRange(status)) {
    resting_ = true;
    history_.Finished(now);
    return false;
  }
  const uint32_t limit = options_.backoff.max_attempts;
  const bool retry =
      absl::IsUnavailable(status) &&
      (limit == 0 || history_.status().consecutive_failures + 1 < limit);
  resting_ = !retry;
  history_.Failed(status, retry, now);
  at_least_ = GetSourceError(status).at_least;
  return retry;
}

void Streamer::BackOff() {
  Sleeper* sleeper;
  absl::Duration delay;
  std::string why;
  {
    MutexLock lock(&mu_);
    if (CalledOffLocked()) return;
    delay = std::max(backoff_.Next(), at_least_);
    history_.BackingOff(delay, clock_.Now());
    why = history_.status().last_error->message;
    sleeper_ = sleepers_();
    sleeper = sleeper_.get();
  }
  LogWarning(area_, why, "; next attempt in ", absl::FormatDuration(delay));
  sleeper->SleepFor(delay);
  MutexLock lock(&mu_);
  sleeper_.reset();
}

void Streamer::ReportUpstreamError(absl::string_view message) {
  {
    MutexLock lock(&mu_);
    history_.UpstreamError(message, clock_.Now());
  }
  Speak();
}

void Streamer::CheckHealth(absl::Duration lag) {
  const bool in_accept =
      accept_begin_ns_.load(std::memory_order_relaxed) != kNotInAccept;
  {
    MutexLock lock(&mu_);
    history_.CheckHealth(lag, in_accept, clock_.Now());
  }
  Speak();
}

void Streamer::Speak() {
  std::vector<Event> events;
  {
    MutexLock lock(&mu_);
    events = history_.TakeEvents();
  }
  Publish(std::move(events));
}

void Streamer::Publish(std::vector<Event> events) {
  for (Event& event : events) {
    LogInfo(area_, event.type, " ", event.json);
    if (absl::Status status = events_.Publish(std::move(event)); !status.ok()) {
      LogWarning(area_, "event not kept: ", status.message());
    }
  }
}

SourceStatus Streamer::GetStatus() const {
  const Source::Progress progress = source_->GetProgress();
  SourceStatus status;
  {
    MutexLock lock(&mu_);
    status = history_.status();
  }
  status.decoder = options_.decoder;
  status.upstream_position = progress.upstream_position;
  status.committed_position = progress.committed_position;
  status.details = progress.details;
  if (progress.connections.has_value()) {
    status.connections = *progress.connections;
  }
  status.blocked = BlockedNs() > 0;
  return status;
}

void Streamer::FillStats(SourceStats* stats) {
  const Source::Progress progress = source_->GetProgress();
  {
    MutexLock lock(&mu_);
    history_.FillStats(stats, clock_.Now(), clock_.MonotonicNs());
  }
  for (const auto& [reason, count] : progress.skipped_by_reason) {
    if (count > 0) stats->skipped_by_reason[reason] += count;
  }
  stats->counters.insert(progress.counters.begin(), progress.counters.end());
  stats->commits = progress.commits;
  stats->commit_errors = progress.commit_errors;
  stats->open_batches = completion_->open.load(std::memory_order_relaxed);
  stats->completed_batches =
      completion_->completed.load(std::memory_order_relaxed);
  stats->incomplete_batches =
      completion_->incomplete.load(std::memory_order_relaxed);
  stats->blocked_time = absl::Nanoseconds(
      blocked_ns_.load(std::memory_order_relaxed) + BlockedNs());
}

int64_t Streamer::BlockedNs() const {
  const int64_t begin_ns = accept_begin_ns_.load(std::memory_order_relaxed);
  if (begin_ns == kNotInAccept) return 0;
  return std::max<int64_t>(clock_.MonotonicNs() - begin_ns - kBlockedAfterNs,
                           0);
}

}  // namespace weir
