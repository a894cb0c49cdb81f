#ifndef WEIR_HOST_TICKER_H_
#define WEIR_HOST_TICKER_H_

#include <functional>
#include <thread>

#include "absl/time/time.h"
#include "host/sync/interruptible_sleeper.h"

namespace weir {

// Calls a function again and again, on a thread of its own, until it is
// stopped.
class Ticker {
 public:
  // Calls `tick` every `interval`, the first time after one.
  Ticker(absl::Duration interval, std::function<void()> tick)
      : thread_([this, interval, tick = std::move(tick)] {
          while (sleeper_.SleepFor(interval)) tick();
        }) {}

  ~Ticker() { Stop(); }

  Ticker(const Ticker&) = delete;
  Ticker& operator=(const Ticker&) = delete;

  // No call is under way after this, and none follows. Safe to call twice.
  void Stop() {
    sleeper_.Wake();
    if (thread_.joinable()) thread_.join();
  }

 private:
  InterruptibleSleeper sleeper_;
  std::thread thread_;
};

}  // namespace weir

#endif  // WEIR_HOST_TICKER_H_
