#include "host/plugin/plugin_life.h"

#include <pthread.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "host/status/error_info.h"

namespace weir {

PluginLife::PluginLife(PluginSlotSpec spec,
                       const PluginSurroundings& surroundings)
    : clock_(surroundings.clock),
      machine_(std::move(spec), surroundings, [this](uint64_t generation) {
        Post([this, generation] { machine_.InstanceGone(generation); });
      }) {}

PluginLife::~PluginLife() {
  Stop();
  Join();
}

void PluginLife::Begin(DesiredState desired, std::function<void()> begun) {
  Post([this, desired = std::move(desired), begun = std::move(begun)] {
    machine_.Begin(desired);
    begun();
  });
  thread_ = std::thread([this] { Run(); });
}

void PluginLife::Do(PluginOperation operation,
                    std::optional<PluginSlotSpec> fresh,
                    PluginControl::Reply reply) {
  const auto shared = std::make_shared<PluginControl::Reply>(std::move(reply));
  if (Post([this, operation = std::move(operation), fresh = std::move(fresh),
            shared] {
        (*shared)(
            machine_.Do(operation, fresh.has_value() ? &*fresh : nullptr));
      })) {
    return;
  }
  (*shared)(MakeError(
      absl::StatusCode::kUnavailable, "the host stops",
      {.reason = "SERVER_DRAINING", .retry_delay = absl::Seconds(2)}));
}

void PluginLife::Follow(FolderAction action, PluginSlotSpec spec,
                        std::function<void()> done) {
  Post([this, action = std::move(action), spec = std::move(spec),
        done = std::move(done)] {
    machine_.Follow(action, spec);
    done();
  });
}

bool PluginLife::Post(Job job) {
  MutexLock lock(&mu_);
  if (stop_) return false;
  jobs_.push_back(std::move(job));
  changed_.NotifyOne();
  return true;
}

void PluginLife::Tick() {
  MutexLock lock(&mu_);
  watch_ = true;
  changed_.NotifyOne();
}

void PluginLife::Stop(absl::Duration drain) {
  MutexLock lock(&mu_);
  if (stop_) return;
  stop_ = true;
  drain_ = drain;
  changed_.NotifyOne();
}

bool PluginLife::Join(absl::Duration limit) {
  if (!thread_.joinable()) return true;
  const absl::Time end = absl::Now() + limit;
  {
    MutexLock lock(&mu_);
    while (!ended_) {
      const absl::Duration left = end - absl::Now();
      if (left <= absl::ZeroDuration()) return false;
      over_.WaitFor(&mu_, left);
    }
  }
  thread_.join();
  return true;
}

// What was posted before Stop is still done, so that every operation gets its
// answer.
void PluginLife::Run() {
  pthread_setname_np(pthread_self(), "plugin-life");
  absl::Duration drain;
  while (true) {
    Job job;
    bool watch = false;
    {
      MutexLock lock(&mu_);
      while (jobs_.empty() && !watch_ && !stop_) {
        const absl::Duration left = machine_.next_due() - clock_.Now();
        if (left <= absl::ZeroDuration()) break;
        changed_.WaitFor(&mu_, std::min(left, absl::Hours(1)));
      }
      if (!jobs_.empty()) {
        job = std::move(jobs_.front());
        jobs_.pop_front();
      } else if (stop_) {
        drain = drain_;
        break;
      }
      watch = std::exchange(watch_, false);
    }
    if (watch) machine_.Watch();
    if (job) job();
    machine_.Due();
  }
  machine_.End(drain);
  MutexLock lock(&mu_);
  ended_ = true;
  over_.NotifyAll();
}

}  // namespace weir
