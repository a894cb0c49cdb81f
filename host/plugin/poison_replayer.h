#ifndef WEIR_HOST_PLUGIN_POISON_REPLAYER_H_
#define WEIR_HOST_PLUGIN_POISON_REPLAYER_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "host/control/trial_result.h"
#include "host/plugin/trial.h"
#include "host/sync/mutex.h"

namespace weir {

// Runs trials one after the other, on a thread of its own that begins with the
// first: whatever a message does to a plugin, nobody waits for it but who
// asked, and no more than one child is there for it. Thread-safe.
class PoisonReplayer {
 public:
  // Called on the thread.
  using MakeTrial = std::function<absl::StatusOr<std::shared_ptr<Trial>>()>;
  // Called once, on the thread or by the caller.
  using Reply = std::function<void(absl::StatusOr<TrialResult>)>;

  // So many may wait behind the one that runs.
  static constexpr size_t kMaxWaiting = 16;

  PoisonReplayer() = default;
  ~PoisonReplayer();  // Stops.

  PoisonReplayer(const PoisonReplayer&) = delete;
  PoisonReplayer& operator=(const PoisonReplayer&) = delete;

  // Makes a trial and runs it; see Trial::Run. Replies also with MakeTrial's
  // error, with Unavailable PLUGIN_BUSY if too many wait, and with Unavailable
  // SERVER_DRAINING after Stop.
  void Replay(MakeTrial make, TrialMessage message, absl::Duration deadline,
              Reply reply) ABSL_LOCKS_EXCLUDED(mu_);

  // Cancels what runs and replies to all that wait. Safe to call twice.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Job {
    MakeTrial make;
    TrialMessage message;
    absl::Duration deadline;
    Reply reply;
  };

  void Work() ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<TrialResult> Do(const Job& job) ABSL_LOCKS_EXCLUDED(mu_);

  Mutex mu_;
  CondVar changed_;
  std::deque<Job> jobs_ ABSL_GUARDED_BY(mu_);
  std::shared_ptr<Trial> running_ ABSL_GUARDED_BY(mu_);
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  bool started_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;  // Set under mu_ before started_; joined by Stop.
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_POISON_REPLAYER_H_
