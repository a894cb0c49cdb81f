#include "host/rpc/slow_calls.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "host/status/error_info.h"

namespace weir {
namespace {

constexpr absl::Duration kRetry = absl::Seconds(5);

}  // namespace

SlowCalls::~SlowCalls() {
  std::deque<std::function<void()>> dropped;  // Dies outside of the lock.
  std::thread thread;
  {
    MutexLock lock(&mu_);
    stopped_ = true;
    dropped.swap(waiting_);
    changed_.NotifyAll();
    thread = std::move(thread_);
  }
  if (thread.joinable()) thread.join();
}

absl::Status SlowCalls::Run(std::function<void()> work) {
  MutexLock lock(&mu_);
  if (waiting_.size() >= kMostWaiting) {
    const std::string limit = absl::StrCat(kMostWaiting);
    return MakeError(
        absl::StatusCode::kResourceExhausted,
        absl::StrCat(limit, " calls wait for the journal; ask again later"),
        {.reason = "RATE_LIMITED",
         .metadata = {{"limit", limit}, {"scope", "server"}},
         .retry_delay = kRetry});
  }
  waiting_.push_back(std::move(work));
  changed_.NotifyOne();
  if (!thread_.joinable()) thread_ = std::thread([this] { Work(); });
  return absl::OkStatus();
}

void SlowCalls::Work() {
  while (true) {
    std::function<void()> work;
    {
      MutexLock lock(&mu_);
      while (waiting_.empty() && !stopped_) changed_.Wait(&mu_);
      if (waiting_.empty()) return;
      work = std::move(waiting_.front());
      waiting_.pop_front();
    }
    work();
  }
}

}  // namespace weir
