#include "host/plugin/poison_replayer.h"

#include <pthread.h>

#include <utility>

#include "absl/status/status.h"
#include "host/status/error_info.h"

namespace weir {
namespace {

absl::Status Draining() {
  return MakeError(
      absl::StatusCode::kUnavailable, "the host stops",
      {.reason = "SERVER_DRAINING", .retry_delay = absl::Seconds(2)});
}

}  // namespace

PoisonReplayer::~PoisonReplayer() { Stop(); }

void PoisonReplayer::Replay(MakeTrial make, TrialMessage message,
                            absl::Duration deadline, Reply reply) {
  absl::Status refused;
  {
    MutexLock lock(&mu_);
    if (stop_) {
      refused = Draining();
    } else if (jobs_.size() == kMaxWaiting) {
      refused = MakeError(
          absl::StatusCode::kUnavailable,
          "too many replays wait already; try again when some are done",
          {.reason = "PLUGIN_BUSY", .retry_delay = absl::Seconds(10)});
    }
    if (refused.ok()) {
      jobs_.push_back(
          {std::move(make), std::move(message), deadline, std::move(reply)});
      changed_.NotifyAll();
      if (!std::exchange(started_, true)) {
        thread_ = std::thread([this] { Work(); });
      }
      return;
    }
  }
  reply(refused);
}

void PoisonReplayer::Work() {
  pthread_setname_np(pthread_self(), "replay");
  while (true) {
    Job job;
    {
      MutexLock lock(&mu_);
      while (jobs_.empty() && !stop_) changed_.Wait(&mu_);
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job.reply(Do(job));
  }
}

absl::StatusOr<TrialResult> PoisonReplayer::Do(const Job& job) {
  {
    MutexLock lock(&mu_);
    if (stop_) return Draining();
  }
  absl::StatusOr<std::shared_ptr<Trial>> trial = job.make();
  if (!trial.ok()) return trial.status();
  {
    MutexLock lock(&mu_);
    if (stop_) return Draining();
    running_ = *trial;
  }
  absl::StatusOr<TrialResult> result = (*trial)->Run(job.message, job.deadline);
  {
    MutexLock lock(&mu_);
    running_.reset();
  }
  if (absl::IsCancelled(result.status())) return Draining();
  return result;
}

void PoisonReplayer::Stop() {
  {
    MutexLock lock(&mu_);
    stop_ = true;
    if (running_ != nullptr) running_->Cancel();
    changed_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

}  // namespace weir
