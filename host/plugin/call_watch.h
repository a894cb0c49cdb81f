#ifndef WEIR_HOST_PLUGIN_CALL_WATCH_H_
#define WEIR_HOST_PLUGIN_CALL_WATCH_H_

#include <pthread.h>

#include <atomic>
#include <cstdint>

#include "host/sync/clock.h"

namespace weir {

// How long each call of an instance may take, in nanoseconds. Part of the
// layout that the host and its children share.
struct CallLimits {
  int64_t create_ns = 10'000'000'000;
  int64_t ask_ns = 1'000'000'000;    // For capacity, and for each type.
  int64_t soft_ns = 1'000'000'000;   // For a message or a tick, ...
  int64_t hard_ns = 10'000'000'000;  // ... which ends the instance.
  int64_t destroy_ns = 5'000'000'000;
  int64_t state_ns = 5'000'000'000;  // To save, and to load.
};

// What a plugin may know of the call that it is in: weir.deadline/1 and
// weir.thread/1. Enforces nothing.
//
// The times of messages are taken only once somebody has asked for them: two
// looks at the clock are dearer than some handlers.
//
// BindThread, Begin and End come from the worker; the others from any thread.
class CallWatch {
 public:
  // `stop`: whether the host waits for the call to come back. Both must outlive
  // the watch.
  CallWatch(const CallLimits& limits, const std::atomic<uint32_t>& stop,
            const Clock& clock)
      : limits_(limits), stop_(stop), clock_(clock) {}

  CallWatch(const CallWatch&) = delete;
  CallWatch& operator=(const CallWatch&) = delete;

  const CallLimits& limits() const { return limits_; }

  // Makes the calling thread the worker.
  void BindThread() {
    worker_.store(pthread_self(), std::memory_order_relaxed);
  }
  bool IsWorker() const {
    return worker_.load(std::memory_order_relaxed) == pthread_self();
  }

  // From now on somebody wants to know.
  void Use() { used_.store(true, std::memory_order_relaxed); }
  bool used() const { return used_.load(std::memory_order_relaxed); }

  // A call begins that may take `hard_ns`, and takes long after `soft_ns`.
  void Begin(int64_t soft_ns, int64_t hard_ns) {
    const int64_t now_ns = clock_.MonotonicNs();
    soft_end_ns_.store(now_ns + soft_ns, std::memory_order_relaxed);
    hard_end_ns_.store(now_ns + hard_ns, std::memory_order_relaxed);
  }
  void End() {
    soft_end_ns_.store(INT64_MAX, std::memory_order_relaxed);
    hard_end_ns_.store(INT64_MAX, std::memory_order_relaxed);
  }

  // INT64_MAX: there is no call.
  int64_t TimeLeftNs() const {
    const int64_t end_ns = hard_end_ns_.load(std::memory_order_relaxed);
    return end_ns == INT64_MAX ? end_ns : end_ns - clock_.MonotonicNs();
  }
  bool ShouldStop() const {
    return stop_.load(std::memory_order_relaxed) != 0 ||
           clock_.MonotonicNs() >= soft_end_ns_.load(std::memory_order_relaxed);
  }

 private:
  const CallLimits limits_;
  const std::atomic<uint32_t>& stop_;
  const Clock& clock_;
  std::atomic<bool> used_{false};
  std::atomic<pthread_t> worker_{0};
  std::atomic<int64_t> soft_end_ns_{INT64_MAX};
  std::atomic<int64_t> hard_end_ns_{INT64_MAX};
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_CALL_WATCH_H_
