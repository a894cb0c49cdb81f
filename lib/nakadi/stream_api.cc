#include "lib/nakadi/stream_api.h"

#include <random>
#include <utility>

#include "absl/strings/match.h"
#include "lib/nakadi/error.h"

namespace weir::nakadi {
namespace {

const Clock& RealClock() {
  static const SteadyClock clock;
  return clock;
}

StreamParameters Parameters(const StreamOptions& options) {
  StreamParameters parameters = options.more;
  parameters.batch_limit = options.batch_limit;
  parameters.batch_flush_timeout = options.flush_timeout;
  parameters.max_uncommitted_events = options.max_uncommitted_events;
  return parameters;
}

Committer::Options CommitOptions(const ClientOptions& client,
                                 const std::string& subscription_id,
                                 const StreamOptions& options) {
  CommitStrategy strategy = options.strategy;
  strategy.retry = options.commit_retry;
  strategy.max_elapsed = options.commit_max_elapsed_time;
  return {.client = client,
          .subscription_id = subscription_id,
          .strategy = strategy,
          .window = options.max_uncommitted_events,
          .commit_timeout = Parameters(options).EffectiveCommitTimeout()};
}

}  // namespace

StreamApi::StreamApi(const ClientOptions& client, std::string subscription_id,
                     StreamOptions options)
    : StreamApi(client, std::move(subscription_id), std::move(options),
                RealClock(), std::make_unique<client::SystemSleeper>()) {}

StreamApi::StreamApi(const ClientOptions& client, std::string subscription_id,
                     StreamOptions options, const Clock& clock,
                     std::unique_ptr<client::Sleeper> sleeper)
    : subscription_id_(std::move(subscription_id)),
      options_(std::move(options)),
      parameters_(Parameters(options_)),
      sleeper_(std::move(sleeper)),
      backoff_(options_.initial_retry_interval, options_.max_retry_interval,
               StandbyDelay(options_.standby_initial, options_.standby_max),
               options_.seed != 0 ? options_.seed : std::random_device()()),
      stream_(client, parameters_, clock),
      committer_(std::make_unique<Committer>(
          CommitOptions(client, subscription_id_, options_),
          Committer::Hooks{
              .error = options_.notify_err,
              .ok = options_.notify_ok,
              .lost = [this](uint64_t, const absl::Status&) { NoteDead(""); }},
          clock)) {}

StreamApi::~StreamApi() { (void)Close(); }

absl::StatusOr<StreamApi::Batch> StreamApi::NextEvents() {
  if (absl::Status status = parameters_.Check(); !status.ok()) return status;
  Batch batch;
  while (true) {
    if (closed_) return absl::CancelledError("closed");
    if (!open_) {
      if (absl::Status status = Open(); !status.ok()) return status;
      continue;
    }
    if (any_dead_ && OpenIsDead()) {
      lines_.clear();
      next_line_ = 0;
      Fail(absl::CancelledError());
      continue;
    }
    if (next_line_ < lines_.size()) {
      if (TakeLine(&batch)) return batch;
      continue;
    }
    next_line_ = 0;
    if (absl::Status status = stream_.Read(&lines_); !status.ok()) {
      lines_.clear();
      Fail(status);
    }
  }
}

absl::Status StreamApi::Open() {
  if (wait_ > absl::ZeroDuration() &&
      !sleeper_->SleepFor(std::exchange(wait_, absl::ZeroDuration()))) {
    return absl::OkStatus();  // Closed.
  }
  stream_.Rearm();
  // Close sets it first and interrupts then, so one of the two is seen.
  if (closed_) return absl::OkStatus();
  const absl::Status status = stream_.Open(subscription_id_);
  if (!status.ok()) {
    Fail(status);
    return absl::IsUnavailable(status) || absl::IsCancelled(status)
               ? absl::OkStatus()
               : status;
  }
  open_ = true;
  ++generation_;
  {
    client::MutexLock lock(&mu_);
    open_id_ = stream_.stream_id();
  }
  committer_->BeginStream(generation_);
  NotifyOk();
  return absl::OkStatus();
}

void StreamApi::NoteDead(const std::string& id) {
  client::MutexLock lock(&mu_);
  if (!id.empty() && id != open_id_) return;  // We knew.
  dead_id_ = open_id_;
  any_dead_ = true;
  stream_.Interrupt();
}

bool StreamApi::OpenIsDead() {
  client::MutexLock lock(&mu_);
  any_dead_ = false;
  return dead_id_ == open_id_;
}

void StreamApi::Fail(const absl::Status& why) {
  const absl::Status status =
      absl::IsCancelled(why)
          ? MakeError(
                absl::StatusCode::kUnavailable,
                "the server takes no more commits of the stream",
                {.kind = Error::Kind::kStreamEnd, .flow_id = stream_.flow_id()})
          : why;
  stream_.Close();
  if (std::exchange(open_, false)) committer_->EndStream(generation_);
  if (closed_) return;
  in_trouble_ = true;
  wait_ = backoff_.Next(status);
  if (options_.notify_err) options_.notify_err(status, wait_);
}

bool StreamApi::TakeLine(Batch* batch) {
  BatchLine line;
  if (absl::Status status = reader_.Read(lines_[next_line_++], &line);
      !status.ok()) {
    lines_.clear();
    next_line_ = 0;
    Fail(MakeError(
        absl::StatusCode::kUnavailable, status.message(),
        {.kind = Error::Kind::kProtocol, .flow_id = stream_.flow_id()}));
    return false;
  }
  backoff_.Reset();
  if (std::exchange(in_trouble_, false)) NotifyOk();
  if (line.count == 0) return false;
  batch->cursor = {.partition = std::string(line.partition),
                   .offset = std::string(line.offset),
                   .event_type = std::string(line.event_type),
                   .cursor_token = std::string(line.cursor_token),
                   .stream_id = stream_.stream_id()};
  batch->events = line.events;
  batch->count = line.count;
  batch->info = std::move(line.info);
  batch->stream = generation_;
  if (options_.commit_later) {
    batch->number = committer_->HandOut(
        generation_, {{.cursor = batch->cursor, .events = line.count}});
  }
  return true;
}

absl::Status StreamApi::CommitCursor(const Cursor& cursor) {
  if (closed_) return absl::CancelledError("closed");
  const absl::Status status = committer_->CommitNow(cursor);
  if (absl::StrContains(GetError(status).detail, "Session with stream id")) {
    NoteDead(cursor.stream_id);
  }
  return status;
}

void StreamApi::CommitLater(const Batch& batch) {
  committer_->Done(batch.stream, batch.number);
}

absl::Status StreamApi::Close(absl::Duration budget) {
  if (!closed_.exchange(true)) {
    stream_.Interrupt();
    sleeper_->Wake();
  }
  committer_->Stop(budget);
  return absl::OkStatus();
}

}  // namespace weir::nakadi
