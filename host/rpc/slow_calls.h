#ifndef WEIR_HOST_RPC_SLOW_CALLS_H_
#define WEIR_HOST_RPC_SLOW_CALLS_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "host/sync/mutex.h"

namespace weir {

// Does what may wait for a disk in a thread of its own, one after the other, in
// place of gRPC's threads, of which there are two: whoever keeps both busy
// keeps every other call waiting, and all streams.
//
// Thread-safe.
class SlowCalls {
 public:
  // Calls that wait for their turn. One takes some milliseconds, or with a disk
  // that does not answer as long as the log waits for it.
  static constexpr size_t kMostWaiting = 64;

  SlowCalls() = default;
  // Ends the thread. What still waits is not done: its calls have ended.
  ~SlowCalls();

  SlowCalls(const SlowCalls&) = delete;
  SlowCalls& operator=(const SlowCalls&) = delete;

  // Has `work` done soon; the thread begins with the first. Returns
  // ResourceExhausted / RATE_LIMITED, and does nothing, if too many wait: ask
  // again later.
  absl::Status Run(std::function<void()> work) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Work() ABSL_LOCKS_EXCLUDED(mu_);

  Mutex mu_;
  CondVar changed_;
  std::deque<std::function<void()>> waiting_ ABSL_GUARDED_BY(mu_);
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_ ABSL_GUARDED_BY(mu_);
};

}  // namespace weir

#endif  // WEIR_HOST_RPC_SLOW_CALLS_H_
