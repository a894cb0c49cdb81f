#include "host/source/nakadi_source.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "host/log/log.h"
#include "host/source/source_error.h"
#include "host/status/json_text.h"
#include "lib/nakadi/error.h"

namespace weir {
namespace {

using Kind = nakadi::Error::Kind;

nakadi::Committer::Options CommitOptions(const NakadiOptions& options) {
  return {.client = options.client,
          .subscription_id = options.subscription_id,
          .strategy = options.strategy,
          .window = options.stream.max_uncommitted_events,
          .commit_timeout = options.stream.EffectiveCommitTimeout()};
}

absl::string_view KindText(Kind kind) {
  switch (kind) {
    case Kind::kConnect:
      return SourceError::kConnect;
    case Kind::kTls:
      return SourceError::kTls;
    case Kind::kAuth:
      return SourceError::kAuth;
    case Kind::kConflict:
    case Kind::kHttpStatus:
      return SourceError::kHttpStatus;
    case Kind::kReadTimeout:
      return SourceError::kReadTimeout;
    case Kind::kStreamEnd:
      return SourceError::kEndOfStream;
    case Kind::kCut:
      return SourceError::kConnectionLost;
    case Kind::kProtocol:
      return SourceError::kProtocol;
  }
  return SourceError::kConnect;
}

// The first part of what a counter of ends is called by.
absl::string_view Counted(absl::string_view kind, bool opening) {
  if (opening) return "openings_failed_";
  return kind == SourceError::kEndOfStream ? "streams_ended_" : "streams_lost_";
}

std::string TimeText(absl::Time time) {
  return time == absl::InfinitePast()
             ? ""
             : absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time,
                                absl::UTCTimeZone());
}

std::string PositionText(const std::map<std::string, std::string>& offsets) {
  return absl::StrJoin(offsets, ", ", absl::PairFormatter("="));
}

}  // namespace

NakadiSource::NakadiSource(NakadiOptions options, const weir::Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      area_(absl::StrCat("sources/", options_.id)),
      description_{.kind = "nakadi",
                   .endpoint = options_.client.url,
                   .flow_control = true,
                   .resumes = true},
      commits_(std::make_shared<NakadiCommits>(
          CommitOptions(options_), options_.commit_incomplete, area_, clock)),
      calls_(options_.client, /*packed=*/false, commits_->clock()),
      stream_(options_.client, options_.stream, commits_->clock()),
      subscription_id_(options_.subscription_id) {
  commits_->OnLost([this](uint64_t stream, const absl::Status& why) {
    Abandon(stream, why);
  });
}

NakadiSource::~NakadiSource() {
  commits_->OnLost({});
  commits_->committer().Stop(options_.stop_budget);
}

void NakadiSource::Abandon(uint64_t stream, const absl::Status& why) {
  if (stream != generation_) return;
  {
    MutexLock lock(&mu_);
    abandoned_ = why;
  }
  stream_.Interrupt();
}

absl::Status NakadiSource::Connect() {
  stream_.Close();
  EndStream();
  next_end_ = absl::OkStatus();
  {
    MutexLock lock(&mu_);
    abandoned_ = absl::OkStatus();
  }
  stream_.Rearm();
  calls_.Rearm();
  if (interrupted_) return absl::CancelledError("interrupted");
  if (absl::Status status = options_.stream.Check(); !status.ok()) {
    return MakeSourceError(status.code(), SourceError::kProtocol,
                           status.message());
  }
  if (std::exchange(drain_, false)) {
    SetPhase("draining");
    if (!commits_->Drain(options_.stream.EffectiveCommitTimeout())) {
      drain_ = true;
      return absl::CancelledError("interrupted");
    }
  }
  SetPhase("opening");
  std::string id = options_.subscription_id;
  if (id.empty()) {
    absl::StatusOr<std::string> found =
        nakadi::CreateOrFind(options_.subscription, options_.client, calls_);
    if (!found.ok()) return End(found.status(), /*opening=*/true);
    id = *std::move(found);
    commits_->committer().SetSubscription(id);
  }
  if (absl::Status status = stream_.Open(id); !status.ok()) {
    return End(status, /*opening=*/true);
  }
  open_ = drain_ = true;
  commits_->committer().BeginStream(++generation_);
  MutexLock lock(&mu_);
  phase_ = "streaming";
  subscription_id_ = id;
  stream_id_ = stream_.stream_id();
  flow_id_ = stream_.flow_id();
  info_.clear();
  delivered_.clear();
  return absl::OkStatus();
}

void NakadiSource::EndStream() {
  if (std::exchange(open_, false)) {
    commits_->committer().EndStream(generation_);
  }
}

void NakadiSource::SetPhase(absl::string_view phase) {
  MutexLock lock(&mu_);
  phase_ = std::string(phase);
}

absl::Status NakadiSource::Read(FrameBatch* batch) {
  while (true) {
    if (!next_end_.ok()) {
      return End(std::exchange(next_end_, absl::OkStatus()), false);
    }
    if (interrupted_) return End(absl::CancelledError("interrupted"), false);
    if (absl::Status status = stream_.Read(&lines_); !status.ok()) {
      return End(status, false);
    }
    uint64_t events = 0;
    for (const absl::string_view line : lines_) {
      const absl::StatusOr<bool> taken = TakeLine(line);
      if (!taken.ok()) {
        // What was before it is good.
        next_end_ = nakadi::MakeError(
            absl::StatusCode::kUnavailable, taken.status().message(),
            {.kind = Kind::kProtocol, .flow_id = stream_.flow_id()});
        break;
      }
      if (!*taken) continue;
      batch->frames.push_back(line);
      events += line_.count;
    }
    const absl::Time now = clock_.Now();
    {
      MutexLock lock(&mu_);
      last_line_ = now;
      if (events > 0) last_event_ = now;
      for (const auto& one : partitions_) {
        if (one->end.events == 0) continue;
        delivered_[absl::StrCat(one->type, "/", one->partition)] =
            one->last_offset;
      }
    }
    if (batch->frames.empty()) continue;
    std::vector<nakadi::HandedOut> ends;
    for (const auto& one : partitions_) {
      if (one->end.events > 0) ends.push_back(std::exchange(one->end, {}));
    }
    events_.fetch_add(events, std::memory_order_relaxed);
    batch->received_at = now;
    batch->receipt = commits_->HandOut(generation_, std::move(ends));
    return absl::OkStatus();
  }
}

absl::StatusOr<bool> NakadiSource::TakeLine(absl::string_view line) {
  if (absl::Status status = reader_.Read(line, &line_); !status.ok()) {
    return status;
  }
  line_count_.fetch_add(1, std::memory_order_relaxed);
  standby_.Reset();
  if (!line_.info.empty()) {
    LogInfo(area_, "the server says: ", ToUtf8(line_.info));
    MutexLock lock(&mu_);
    info_ = ToUtf8(line_.info);
  }
  if (line_.count == 0) {
    keep_alives_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  Partition& partition = PartitionOf(line_);
  // Offsets are in the order of their text, as for the server.
  if (line_.offset <= partition.last_offset) {
    suspected_.fetch_add(line_.count, std::memory_order_relaxed);
  } else {
    partition.last_offset = std::string(line_.offset);
  }
  nakadi::HandedOut& end = partition.end;
  end.cursor.partition = partition.partition;
  end.cursor.event_type = partition.type;
  end.cursor.offset = std::string(line_.offset);
  end.cursor.cursor_token = std::string(line_.cursor_token);
  end.cursor.stream_id = stream_.stream_id();
  end.events += line_.count;
  return true;
}

NakadiSource::Partition& NakadiSource::PartitionOf(
    const nakadi::BatchLine& line) {
  for (const auto& one : partitions_) {
    if (one->partition == line.partition && one->type == line.event_type) {
      return *one;
    }
  }
  partitions_.push_back(std::make_unique<Partition>());
  partitions_.back()->partition = std::string(line.partition);
  partitions_.back()->type = std::string(line.event_type);
  return *partitions_.back();
}

absl::Status NakadiSource::End(const absl::Status& status, bool opening) {
  stream_.Close();
  EndStream();
  for (const auto& one : partitions_) one->end = {};
  MutexLock lock(&mu_);
  phase_ = "closed";
  stream_id_.clear();
  const absl::Status why = absl::IsCancelled(status) && !interrupted_
                               ? std::exchange(abandoned_, absl::OkStatus())
                               : status;
  if (interrupted_ || absl::IsCancelled(why) || why.ok()) {
    return absl::CancelledError("interrupted");
  }
  nakadi::Error error = nakadi::GetError(why);
  absl::string_view kind = KindText(error.kind);
  absl::StatusCode code = why.code();
  if (absl::IsCancelled(status)) {
    // Given up by ourselves; whatever made us, another stream may help.
    kind = SourceError::kUpstream;
    code = absl::StatusCode::kUnavailable;
  }
  std::string message =
      absl::StrCat(description_.endpoint, ": ", ToUtf8(why.message()));
  if (error.kind == Kind::kStreamEnd && !info_.empty()) {
    absl::StrAppend(&message, ": ", info_);
  }
  absl::Duration at_least = error.retry_after;
  if (error.kind == Kind::kConflict) {
    absl::StrAppend(&message, "; stands by");
    at_least = std::max(at_least, standby_.Next());
  }
  if (error.http_status != 0 && opening) {
    ++ends_[absl::StrCat("openings_failed_", error.http_status)];
  } else {
    ++ends_[absl::StrCat(Counted(kind, opening), kind)];
  }
  if (!error.flow_id.empty()) flow_id_ = ToUtf8(error.flow_id);
  return MakeSourceError(code, kind, message, error.http_status, at_least);
}

void NakadiSource::Interrupt() {
  interrupted_ = true;
  commits_->SetInterrupted(true);
  stream_.Interrupt();
  calls_.Interrupt();
}

void NakadiSource::Rearm() {
  interrupted_ = false;
  commits_->SetInterrupted(false);
}

Source::Progress NakadiSource::GetProgress() const {
  const nakadi::Committer& committer = commits_->committer();
  const nakadi::Committer::Counts counts = committer.counts();
  Progress progress;
  progress.commits = counts.committed;
  progress.commit_errors = counts.errors;
  progress.committed_position = PositionText(committer.committed());
  progress.upstream_position = progress.committed_position;
  progress.skipped_by_reason = {{"empty", stream_.blank_lines()},
                                {"partial", stream_.partial_lines()}};
  progress.counters = {
      {"lines", line_count_.load(std::memory_order_relaxed)},
      {"keep_alives", keep_alives_.load(std::memory_order_relaxed)},
      {"events", events_.load(std::memory_order_relaxed)},
      {"stream_bytes", stream_.bytes()},
      {"suspected_duplicates", suspected_.load(std::memory_order_relaxed)},
      {"streams", generation_.load()},
      {"commits_outdated", counts.outdated},
      {"commits_rejected", counts.rejected},
      {"committed_cursors", counts.cursors},
      {"committed_events", counts.events},
      {"uncommittable_events", counts.dropped_events},
      {"window", options_.stream.max_uncommitted_events},
      {"window_used", committer.window_use()},
      {"oldest_uncommitted_ms",
       static_cast<uint64_t>(std::max<int64_t>(
           absl::ToInt64Milliseconds(committer.oldest_uncommitted()), 0))}};
  const std::string last_commit = TimeText(commits_->last_commit());
  MutexLock lock(&mu_);
  for (const auto& [name, count] : ends_) progress.counters[name] = count;
  progress.details = {{"phase", phase_},
                      {"subscription", subscription_id_},
                      {"stream_id", stream_id_},
                      {"flow_id", flow_id_},
                      {"info", info_},
                      {"delivered", PositionText(delivered_)},
                      {"last_line", TimeText(last_line_)},
                      {"last_event", TimeText(last_event_)},
                      {"last_commit", last_commit}};
  return progress;
}

}  // namespace weir
