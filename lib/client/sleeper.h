#ifndef WEIR_LIB_CLIENT_SLEEPER_H_
#define WEIR_LIB_CLIENT_SLEEPER_H_

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "lib/client/mutex.h"

namespace weir::client {

// Waits for time to pass, and can be told to stop waiting. Implementations are
// thread-safe.
class Sleeper {
 public:
  virtual ~Sleeper() = default;

  // Blocks for `duration`. Returns true if all of it passed, false if Wake cut
  // it short.
  virtual bool SleepFor(absl::Duration duration) = 0;

  // Cuts the present sleep short, and every later one.
  virtual void Wake() = 0;
};

// Really sleeps.
class SystemSleeper final : public Sleeper {
 public:
  bool SleepFor(absl::Duration duration) override ABSL_LOCKS_EXCLUDED(mu_);
  void Wake() override ABSL_LOCKS_EXCLUDED(mu_);

 private:
  Mutex mu_;
  CondVar woke_;
  bool woken_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace weir::client

#endif  // WEIR_LIB_CLIENT_SLEEPER_H_
