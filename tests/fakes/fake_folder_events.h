#ifndef WEIR_TESTS_FAKES_FAKE_FOLDER_EVENTS_H_
#define WEIR_TESTS_FAKES_FAKE_FOLDER_EVENTS_H_

#include <deque>
#include <functional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "host/plugin/folder_events.h"
#include "host/sync/mutex.h"
#include "tests/fakes/fake_clock.h"

namespace weir {

// Does in each Wait what a test wrote down for it, in order, and moves the
// clock as a wait would. With nothing left to do it waits for more, for as long
// as it takes. Thread-safe.
class FakeFolderEvents final : public FolderEvents {
 public:
  // What one Wait does.
  struct Step {
    Result result;
    absl::Duration takes;  // kTimeout: what was asked, instead.
    std::function<void()> meanwhile = [] {};
  };

  // `clock` must outlive this.
  explicit FakeFolderEvents(FakeClock& clock) : clock_(clock) {}

  Result Wait(absl::Duration timeout) override ABSL_LOCKS_EXCLUDED(mu_) {
    Step step;
    {
      MutexLock lock(&mu_);
      waits_.push_back(timeout);
      while (steps_.empty() && !woken_) {
        idle_ = true;
        changed_.NotifyAll();
        changed_.Wait(&mu_);
      }
      idle_ = false;
      if (woken_) return Result::kWoken;
      step = std::move(steps_.front());
      steps_.pop_front();
    }
    step.meanwhile();
    clock_.Advance(step.result == Result::kTimeout ? timeout : step.takes);
    return step.result;
  }

  void Wake() override ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    woken_ = true;
    changed_.NotifyAll();
  }

  // Does `steps`, and returns when all that follows from them is done.
  void Do(std::vector<Step> steps) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    for (Step& step : steps) steps_.push_back(std::move(step));
    idle_ = steps_.empty() && idle_;
    changed_.NotifyAll();
    while (!idle_) changed_.Wait(&mu_);
  }

  // How long each Wait was asked to.
  std::vector<absl::Duration> waits() const ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    return waits_;
  }

 private:
  FakeClock& clock_;
  mutable Mutex mu_;
  CondVar changed_;
  std::deque<Step> steps_ ABSL_GUARDED_BY(mu_);
  std::vector<absl::Duration> waits_ ABSL_GUARDED_BY(mu_);
  bool idle_ ABSL_GUARDED_BY(mu_) = false;  // Waits, with nothing to do.
  bool woken_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace weir

#endif  // WEIR_TESTS_FAKES_FAKE_FOLDER_EVENTS_H_
