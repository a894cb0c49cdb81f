#ifndef WEIR_TESTS_HOST_SINK_SCRIPTED_DELIVERY_H_
#define WEIR_TESTS_HOST_SINK_SCRIPTED_DELIVERY_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "host/sink/delivery.h"
#include "host/sync/mutex.h"

namespace weir {

// What a test sees and says of a ScriptedDelivery, which its sink owns.
// Thread-safe.
class DeliveryScript {
 public:
  using Outcomes = std::vector<Delivery::Outcome>;

  // The next call answers `result`; without one, all is delivered.
  void Next(Delivery::Result result) {
    MutexLock lock(&mu_);
    results_.push_back(std::move(result));
  }
  // Runs in each call, on the sink's thread, with the call's number from 1.
  void OnCall(std::function<void(size_t)> hook) {
    MutexLock lock(&mu_);
    hook_ = std::move(hook);
  }

  // Waits until there were `n` calls, and returns the subjects of each.
  std::vector<std::vector<std::string>> AwaitCalls(size_t n) {
    MutexLock lock(&mu_);
    while (calls_.size() < n) changed_.Wait(&mu_);
    return calls_;
  }
  // Waits until `n` events are delivered, and returns their subjects in the
  // order of their deliveries.
  std::vector<std::string> AwaitDelivered(size_t n) {
    MutexLock lock(&mu_);
    while (delivered_.size() < n) changed_.Wait(&mu_);
    return delivered_;
  }
  void AwaitInterrupt() {
    MutexLock lock(&mu_);
    while (!interrupted_) changed_.Wait(&mu_);
  }

 private:
  friend class ScriptedDelivery;

  mutable Mutex mu_;
  CondVar changed_;
  std::function<void(size_t)> hook_ ABSL_GUARDED_BY(mu_);
  std::deque<Delivery::Result> results_ ABSL_GUARDED_BY(mu_);
  std::vector<std::vector<std::string>> calls_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> delivered_ ABSL_GUARDED_BY(mu_);
  bool interrupted_ ABSL_GUARDED_BY(mu_) = false;
};

// Delivers to a test.
class ScriptedDelivery final : public Delivery {
 public:
  // `script` must outlive it.
  ScriptedDelivery(size_t max_events, DeliveryScript& script)
      : max_events_(max_events), script_(script) {}

  size_t max_events() const override { return max_events_; }

  Result Deliver(const std::vector<const v1::Event*>& events) override {
    std::function<void(size_t)> hook;
    size_t number = 0;
    {
      MutexLock lock(&script_.mu_);
      script_.calls_.emplace_back();
      for (const v1::Event* event : events) {
        script_.calls_.back().push_back(event->subject());
      }
      number = script_.calls_.size();
      hook = script_.hook_;
      script_.changed_.NotifyAll();
    }
    if (hook) hook(number);
    MutexLock lock(&script_.mu_);
    Result result;
    if (script_.results_.empty()) {
      result.outcomes.assign(events.size(), Outcome::kDelivered);
    } else {
      result = std::move(script_.results_.front());
      script_.results_.pop_front();
    }
    for (size_t i = 0; i < events.size(); ++i) {
      if (result.outcomes[i] != Outcome::kDelivered) continue;
      script_.delivered_.push_back(events[i]->subject());
      result.bytes += events[i]->subject().size();
    }
    script_.changed_.NotifyAll();
    return result;
  }

  void Interrupt() override {
    MutexLock lock(&script_.mu_);
    script_.interrupted_ = true;
    script_.changed_.NotifyAll();
  }

 private:
  const size_t max_events_;
  DeliveryScript& script_;
};

}  // namespace weir

#endif  // WEIR_TESTS_HOST_SINK_SCRIPTED_DELIVERY_H_
