#include "host/source/replay_file_source.h"

#include <algorithm>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "host/source/recorded_time.h"
#include "host/source/source_error.h"

namespace weir {
namespace {

absl::Status Final(const absl::Status& status) {
  // What the disk or the file is like now does not heal by asking again, and a
  // code of Unavailable would say so.
  const absl::StatusCode code = absl::IsUnavailable(status)
                                    ? absl::StatusCode::kFailedPrecondition
                                    : status.code();
  return MakeSourceError(
      code,
      absl::IsDataLoss(status) ? SourceError::kProtocol : SourceError::kConnect,
      status.message());
}

}  // namespace

ReplayFileSource::ReplayFileSource(const ReplayFileOptions& options,
                                   const Clock& clock, SleeperFactory sleepers)
    : options_(options),
      clock_(clock),
      sleepers_(std::move(sleepers)),
      description_{.kind = "replay_file",
                   .endpoint = options.path,
                   .flow_control = true,
                   .resumes = true,
                   .live = false},
      progress_(std::make_shared<ReplayProgress>(options.state_file, clock)),
      buffer_(kBatchBytes) {}

absl::Status ReplayFileSource::Connect() {
  if (interrupted_.load()) return absl::CancelledError("interrupted");
  if (!begun_ && options_.resume && !options_.state_file.empty()) {
    const absl::StatusOr<ReplayPosition> position = progress_->Load();
    if (!position.ok()) return Final(position.status());
    position_ = *position;
  }
  begun_ = true;
  if (absl::Status status = Open(); !status.ok()) return Final(status);
  if (absl::Status status = SkipTo(position_.offset); !status.ok()) {
    return absl::IsCancelled(status) ? status : Final(status);
  }
  PublishPosition();
  return absl::OkStatus();
}

absl::Status ReplayFileSource::Open() {
  absl::StatusOr<std::unique_ptr<RecordingFile>> file =
      RecordingFile::Open(options_.path);
  if (!file.ok()) return file.status();
  file_ = *std::move(file);
  if (framer_.has_value()) {
    skipped_before_.empty += framer_->skipped().empty;
    skipped_before_.too_long += framer_->skipped().too_long;
  }
  framer_.emplace(options_.max_payload_bytes);
  chunk_ = {};
  read_ = 0;
  next_.reset();
  base_recorded_ns_.reset();
  return absl::OkStatus();
}

absl::Status ReplayFileSource::SkipTo(uint64_t offset) {
  while (read_ < offset) {
    if (interrupted_.load()) return absl::CancelledError("interrupted");
    const absl::StatusOr<size_t> got = file_->Read(
        buffer_.data(), std::min<uint64_t>(buffer_.size(), offset - read_));
    if (!got.ok()) return got.status();
    if (*got == 0) {
      return absl::FailedPreconditionError(absl::StrCat(
          options_.path, " has ", read_, " bytes, but ", options_.state_file,
          " says that ", offset,
          " were played: it is another recording; delete the state file"));
    }
    read_ += *got;
  }
  return absl::OkStatus();
}

absl::Status ReplayFileSource::Read(FrameBatch* batch) {
  size_t bytes = 0;
  while (bytes < kBatchBytes) {
    if (!next_.has_value()) FindLine();
    if (!next_.has_value()) {
      if (!batch->frames.empty()) break;
      if (interrupted_.load()) return absl::CancelledError("interrupted");
      if (absl::Status status = Fill(); !status.ok()) return status;
      continue;
    }
    if (next_->due_ns != 0) {
      const int64_t wait_ns = next_->due_ns - clock_.MonotonicNs();
      if (wait_ns > 0) {
        if (!batch->frames.empty()) break;
        if (!SleepFor(absl::Nanoseconds(wait_ns))) {
          return absl::CancelledError("interrupted");
        }
      }
    }
    if (batch->frames.empty() && interrupted_.load()) {
      return absl::CancelledError("interrupted");
    }
    batch->frames.push_back(next_->text);
    bytes += next_->text.size();
    position_ = next_->end;
    next_.reset();
  }
  batch->received_at = clock_.Now();
  batch->receipt = progress_->HandOut(position_);
  PublishPosition();
  return absl::OkStatus();
}

void ReplayFileSource::FindLine() {
  absl::string_view text;
  while (!next_.has_value() && framer_->Next(&chunk_, &text)) Consider(text);
}

void ReplayFileSource::Consider(absl::string_view text) {
  loop_has_lines_ = true;
  Line line = {.text = text, .end = position_};
  line.end.offset = read_ - chunk_.size();
  ++line.end.lines;
  if (options_.speed > 0 || options_.start_time != absl::InfinitePast()) {
    const std::optional<int64_t> recorded_ns = RecordedTimeNs(text);
    if (recorded_ns.has_value()) {
      if (absl::FromUnixNanos(*recorded_ns) < options_.start_time) return;
      if (options_.speed > 0) line.due_ns = DueNs(*recorded_ns);
    }
  }
  next_ = line;
}

absl::Status ReplayFileSource::Fill() {
  if (file_ == nullptr) return absl::CancelledError("not connected");
  const absl::StatusOr<size_t> got =
      file_->Read(buffer_.data(), buffer_.size());
  if (!got.ok()) return Final(got.status());
  chunk_ = absl::string_view(buffer_.data(), *got);
  read_ += *got;
  if (*got > 0) return absl::OkStatus();
  absl::string_view rest;
  if (framer_->TakeRest(&rest)) Consider(rest);
  if (next_.has_value()) return absl::OkStatus();
  return EndLoop();
}

absl::Status ReplayFileSource::EndLoop() {
  const bool had_lines = std::exchange(loop_has_lines_, false);
  if (position_.loop + 1 < options_.loops || options_.endless) {
    if (!had_lines && position_.offset == 0) {
      return Final(absl::FailedPreconditionError(absl::StrCat(
          options_.path, " has no lines, so it cannot be played again")));
    }
    position_ = {.loop = position_.loop + 1};
    const absl::Status status = Open();
    return status.ok() ? status : Final(status);
  }
  progress_->SetFinished();
  return absl::OutOfRangeError(absl::StrCat(options_.path, " is at its end"));
}

int64_t ReplayFileSource::DueNs(int64_t recorded_ns) {
  if (!base_recorded_ns_.has_value()) {
    base_recorded_ns_ = newest_recorded_ns_ = recorded_ns;
    base_ns_ = clock_.MonotonicNs();
  }
  const int64_t gap_ns = recorded_ns - newest_recorded_ns_;
  if (gap_ns > kMaxGapNs) {
    *base_recorded_ns_ += gap_ns - kMaxGapNs;
  } else if (gap_ns < -kMaxGapNs) {
    *base_recorded_ns_ += gap_ns;
  }
  if (gap_ns > 0 || gap_ns < -kMaxGapNs) newest_recorded_ns_ = recorded_ns;
  return base_ns_ + static_cast<int64_t>(
                        static_cast<double>(recorded_ns - *base_recorded_ns_) /
                        options_.speed);
}

bool ReplayFileSource::SleepFor(absl::Duration duration) {
  Sleeper* sleeper;
  {
    MutexLock lock(&mu_);
    if (interrupted_.load()) return false;
    sleeper_ = sleepers_();
    sleeper = sleeper_.get();
  }
  const bool slept = sleeper->SleepFor(duration);
  MutexLock lock(&mu_);
  sleeper_.reset();
  return slept;
}

void ReplayFileSource::Interrupt() {
  interrupted_.store(true);
  progress_->SetInterrupted(true);
  MutexLock lock(&mu_);
  if (sleeper_ != nullptr) sleeper_->Wake();
}

void ReplayFileSource::Rearm() {
  interrupted_.store(false);
  progress_->SetInterrupted(false);
}

void ReplayFileSource::PublishPosition() {
  MutexLock lock(&mu_);
  shown_position_ = position_;
  skipped_.empty = skipped_before_.empty + framer_->skipped().empty;
  skipped_.too_long = skipped_before_.too_long + framer_->skipped().too_long;
}

Source::Progress ReplayFileSource::GetProgress() const {
  Progress progress;
  {
    MutexLock lock(&mu_);
    progress.upstream_position = shown_position_.ToText();
    progress.skipped_by_reason = {{"empty", skipped_.empty},
                                  {"too_long", skipped_.too_long}};
  }
  progress.committed_position = progress_->committed().ToText();
  progress.commits = progress_->commits();
  progress.commit_errors = progress_->commit_errors();
  return progress;
}

}  // namespace weir
