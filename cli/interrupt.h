#ifndef WEIR_CLI_INTERRUPT_H_
#define WEIR_CLI_INTERRUPT_H_

#include <functional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "lib/client/mutex.h"

namespace weir::cli {

// Ctrl-C, as the commands see it: once, and from another thread. Thread-safe.
class Interrupt {
 public:
  // Ends what is registered now, and whatever will be.
  void Trigger() ABSL_LOCKS_EXCLUDED(mu_) {
    client::MutexLock lock(&mu_);
    triggered_ = true;
    if (stop_) stop_();
  }

  bool triggered() const ABSL_LOCKS_EXCLUDED(mu_) {
    client::MutexLock lock(&mu_);
    return triggered_;
  }

  // While it lives, Trigger calls `stop`; at once, if it was before. `stop`
  // must be quick and must not use the Interrupt: it runs under its lock, so
  // that it is never called after this is gone. One at a time.
  class Registration {
   public:
    Registration(Interrupt& interrupt, std::function<void()> stop)
        : interrupt_(interrupt) {
      client::MutexLock lock(&interrupt_.mu_);
      interrupt_.stop_ = std::move(stop);
      if (interrupt_.triggered_) interrupt_.stop_();
    }
    ~Registration() {
      client::MutexLock lock(&interrupt_.mu_);
      interrupt_.stop_ = nullptr;
    }

    Registration(const Registration&) = delete;
    Registration& operator=(const Registration&) = delete;

   private:
    Interrupt& interrupt_;
  };

 private:
  mutable client::Mutex mu_;
  bool triggered_ ABSL_GUARDED_BY(mu_) = false;
  std::function<void()> stop_ ABSL_GUARDED_BY(mu_);
};

}  // namespace weir::cli

#endif  // WEIR_CLI_INTERRUPT_H_
