#include "host/source/replay_progress.h"

#include <cerrno>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "host/log/log.h"

namespace weir {

ReplayProgress::ReplayProgress(std::string state_file, const Clock& clock)
    : state_file_(std::move(state_file)),
      clock_(clock),
      saved_ns_(clock.MonotonicNs()) {}

ReplayProgress::~ReplayProgress() { Save(/*at_last=*/true); }

absl::StatusOr<ReplayPosition> ReplayProgress::Load() {
  ReplayPosition position;
  if (std::FILE* file = std::fopen(state_file_.c_str(), "rb")) {
    char text[256];
    const size_t size = std::fread(text, 1, sizeof(text), file);
    std::fclose(file);
    absl::StatusOr<ReplayPosition> parsed =
        ReplayPosition::Parse(absl::string_view(text, size));
    if (!parsed.ok()) {
      return absl::FailedPreconditionError(
          absl::StrCat(state_file_, ": ", parsed.status().message(),
                       "; delete the file to replay from the beginning"));
    }
    position = *parsed;
  } else if (errno != ENOENT) {
    return absl::FailedPreconditionError(absl::StrCat(
        absl::ErrnoToStatus(errno, absl::StrCat("opening ", state_file_))
            .message(),
        "; the host must be able to read it"));
  }
  MutexLock lock(&mu_);
  committed_ = saved_ = position;
  return position;
}

Receipt ReplayProgress::HandOut(const ReplayPosition& end) {
  uint64_t number;
  {
    MutexLock lock(&mu_);
    finished_ = false;
    number = first_open_ + open_.size();
    open_.push_back({.end = end});
  }
  return Receipt([self = shared_from_this(), number](Outcome outcome) {
    self->Complete(number, outcome);
  });
}

void ReplayProgress::Complete(uint64_t number, Outcome outcome) {
  {
    MutexLock lock(&mu_);
    Batch& batch = open_[number - first_open_];
    if (interrupted_ && outcome == Outcome::kSomeLost) {
      batch.withheld = true;
    } else {
      batch.completed = true;
    }
    MoveLocked();
  }
  Save(/*at_last=*/false);
}

void ReplayProgress::MoveLocked() {
  while (!open_.empty() && open_.front().completed) {
    committed_ = open_.front().end;
    open_.pop_front();
    ++first_open_;
    ++commits_;
  }
}

void ReplayProgress::SetInterrupted(bool interrupted) {
  MutexLock lock(&mu_);
  interrupted_ = interrupted;
  if (interrupted) return;
  for (Batch& batch : open_) {
    if (batch.withheld) batch.completed = true;
  }
  MoveLocked();
}

void ReplayProgress::SetFinished() {
  {
    MutexLock lock(&mu_);
    finished_ = true;
  }
  Save(/*at_last=*/false);
}

void ReplayProgress::Save(bool at_last) {
  if (state_file_.empty()) return;
  const int64_t now_ns = clock_.MonotonicNs();
  ReplayPosition position;
  {
    MutexLock lock(&mu_);
    if (committed_ == saved_ || saving_) return;
    // After the last batch nothing may come that would save it.
    const bool last = (finished_ || interrupted_) && open_.empty();
    if (!at_last && !last && now_ns - saved_ns_ < kSaveEveryNs) return;
    saving_ = true;
    saved_ns_ = now_ns;
    position = committed_;
  }
  const absl::Status status = Write(position);
  {
    MutexLock lock(&mu_);
    saving_ = false;
    saved_ = position;
    if (!status.ok()) ++commit_errors_;
  }
  if (!status.ok()) LogWarning("replay", status.message());
}

absl::Status ReplayProgress::Write(const ReplayPosition& position) const {
  const std::string path = absl::StrCat(state_file_, ".new");
  const std::string text = position.ToText() + "\n";
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) {
    return absl::ErrnoToStatus(errno, absl::StrCat("opening ", path));
  }
  const bool written =
      std::fwrite(text.data(), 1, text.size(), file) == text.size();
  if (std::fclose(file) != 0 || !written) {
    return absl::ErrnoToStatus(errno, absl::StrCat("writing ", path));
  }
  if (std::rename(path.c_str(), state_file_.c_str()) != 0) {
    return absl::ErrnoToStatus(
        errno, absl::StrCat("renaming ", path, " to ", state_file_));
  }
  return absl::OkStatus();
}

ReplayPosition ReplayProgress::committed() const {
  MutexLock lock(&mu_);
  return committed_;
}

uint64_t ReplayProgress::commits() const {
  MutexLock lock(&mu_);
  return commits_;
}

uint64_t ReplayProgress::commit_errors() const {
  MutexLock lock(&mu_);
  return commit_errors_;
}

}  // namespace weir
