#include "host/source/nakadi_commits.h"

#include <utility>

#include "host/log/log.h"

namespace weir {

NakadiCommits::NakadiCommits(nakadi::Committer::Options options,
                             bool commit_incomplete, std::string area,
                             const weir::Clock& clock)
    : clock_(clock),
      commit_incomplete_(commit_incomplete),
      area_(std::move(area)),
      committer_(
          std::move(options),
          {.error =
               [this](const absl::Status& status, absl::Duration wait) {
                 LogWarning(area_, status.message(),
                            wait > absl::ZeroDuration() ? "; again in "
                                                        : "; not again",
                            wait > absl::ZeroDuration()
                                ? absl::FormatDuration(wait)
                                : "");
               },
           .ok = [this,
                  &clock] { last_commit_ns_ = absl::ToUnixNanos(clock.Now()); },
           .lost = [this](uint64_t stream,
                          const absl::Status& why) { Tell(stream, why); },
           .settled = [this] { Settled(); }},
          clock_) {}

void NakadiCommits::OnLost(Lost lost) {
  MutexLock lock(&mu_);
  lost_ = std::move(lost);
}

void NakadiCommits::Tell(uint64_t stream, const absl::Status& why) {
  MutexLock lock(&mu_);
  if (lost_) lost_(stream, why);
}

Receipt NakadiCommits::HandOut(uint64_t stream,
                               std::vector<nakadi::HandedOut> ends) {
  {
    MutexLock lock(&mu_);
    ++open_;
  }
  const uint64_t batch = committer_.HandOut(stream, std::move(ends));
  return Receipt([self = shared_from_this(), stream, batch](Outcome outcome) {
    self->Complete(stream, batch, outcome);
  });
}

bool NakadiCommits::Drain(absl::Duration patience) {
  MutexLock lock(&mu_);
  const auto patience_ns = absl::ToInt64Nanoseconds(patience);
  int64_t until_ns = clock_.MonotonicNs() + patience_ns;
  uint64_t steps = steps_;
  while (!interrupted_ && (open_ > 0 || committer_.ready_events() > 0)) {
    const int64_t now_ns = clock_.MonotonicNs();
    if (std::exchange(steps, steps_) != steps_) until_ns = now_ns + patience_ns;
    if (now_ns >= until_ns) break;
    told_.WaitFor(&mu_, absl::Nanoseconds(until_ns - now_ns));
  }
  return !interrupted_;
}

void NakadiCommits::SetInterrupted(bool interrupted) {
  MutexLock lock(&mu_);
  interrupted_ = interrupted;
  told_.NotifyAll();
}

uint64_t NakadiCommits::open_batches() const {
  MutexLock lock(&mu_);
  return open_;
}

void NakadiCommits::Settled() {
  MutexLock lock(&mu_);
  ++steps_;
  told_.NotifyAll();
}

void NakadiCommits::Complete(uint64_t stream, uint64_t batch, Outcome outcome) {
  const bool lost = outcome == Outcome::kSomeLost;
  if (!lost || (commit_incomplete_ && !interrupted_)) {
    committer_.Done(stream, batch);
  } else if (!interrupted_) {
    Tell(stream, absl::UnavailableError(
                     "a handler lost messages, and commit_incomplete is "
                     "false: reads again what is not committed"));
  }
  MutexLock lock(&mu_);
  --open_;
  ++steps_;
  told_.NotifyAll();
}

}  // namespace weir
