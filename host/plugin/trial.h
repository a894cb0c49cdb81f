#ifndef WEIR_HOST_PLUGIN_TRIAL_H_
#define WEIR_HOST_PLUGIN_TRIAL_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "host/control/trial_result.h"
#include "host/pipeline/message_copy.h"
#include "host/pipeline/name_table.h"
#include "host/plugin/child_handler.h"
#include "host/plugin/child_supervisor.h"
#include "host/plugin/plugin_host_services.h"
#include "host/sync/clock.h"
#include "host/sync/mutex.h"

namespace weir {

// A message, and what its numbers of type and source mean.
struct TrialMessage {
  MessageCopy message;  // Whole.
  std::string type;     // "UPDATE"
  std::string source;   // "ris-live"
};

// Gives one message to a fresh instance of a module, in a fresh child, and
// tells what became of it: a replay of what a plugin died of, for operators and
// for those who check a build. What the instance emits is collected and goes
// nowhere else; its log is dropped.
//
// Run is called once; Cancel from any thread, at any time.
class Trial {
 public:
  // More events are refused to the plugin, as by a log that is full.
  static constexpr size_t kMaxEvents = 1000;

  // `options` name the runner, the module and its limits; `supervisor` and
  // `clock` must outlive the trial.
  Trial(const ChildHandlerOptions& options, ChildSupervisor& supervisor,
        const Clock& clock);
  ~Trial();

  Trial(const Trial&) = delete;
  Trial& operator=(const Trial&) = delete;

  // Creates the instance, asks it what a slot would, hands it the message and
  // destroys it. All of that takes at most `deadline`, and the time to end a
  // child. A message of a type that it does not want is not handed over, which
  // is kOk and says so.
  //
  // Returns FailedPrecondition or InvalidArgument, with what the plugin or the
  // loader said, if no instance can be made, which says nothing of the message;
  // Cancelled after Cancel; Unavailable if there is no child to be had.
  absl::StatusOr<TrialResult> Run(const TrialMessage& message,
                                  absl::Duration deadline)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Ends it soon, by killing the child.
  void Cancel() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  class Collector;

  absl::StatusOr<TrialResult> Lead(const TrialMessage& message)
      ABSL_LOCKS_EXCLUDED(mu_);
  bool Hand(const MessageCopy& copy, TrialResult& result);
  void TellDeath(const char* when, TrialResult& result) const
      ABSL_LOCKS_EXCLUDED(mu_);
  void AwaitDeadline(absl::Duration deadline) ABSL_LOCKS_EXCLUDED(mu_);

  const std::string module_;
  const Clock& clock_;
  const std::unique_ptr<Collector> heard_;
  NameTable types_, sources_;
  ChildHandler handler_;

  mutable Mutex mu_;
  CondVar changed_;
  bool done_ ABSL_GUARDED_BY(mu_) = false;
  bool late_ ABSL_GUARDED_BY(mu_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_TRIAL_H_
