#ifndef WEIR_HOST_CONTROL_PLUGIN_CONTROL_H_
#define WEIR_HOST_CONTROL_PLUGIN_CONTROL_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "host/control/plugin_operation.h"
#include "host/control/plugin_stats.h"
#include "host/control/plugin_status.h"
#include "host/control/poison_message.h"
#include "host/control/poison_replay.h"
#include "host/control/trial_result.h"

namespace weir {

// What plugins can be asked and told. Thread-safe.
class PluginControl {
 public:
  // Called once, from any thread.
  using Reply = std::function<void(absl::StatusOr<PluginOutcome>)>;

  virtual ~PluginControl() = default;

  // Does `operation`, and replies when it is done. Operations on one plugin
  // come one after the other; the call itself does not wait.
  //
  // Replies, each with its ErrorInfo:
  //  - NotFound PLUGIN_NOT_FOUND, PLUGIN_MODULE_NOT_FOUND
  //  - AlreadyExists PLUGIN_EXISTS: kLoad of one that runs
  //  - Aborted ETAG_MISMATCH: it has changed since
  //  - Aborted PLUGIN_BUSY: another operation outlived the deadline
  //  - FailedPrecondition PLUGIN_STATE, PLUGIN_QUARANTINED: its state forbids
  //  it
  //  - FailedPrecondition PLUGIN_NO_PREVIOUS: nothing to roll back to
  //  - FailedPrecondition PLUGIN_DIGEST_MISMATCH, PLUGIN_ABI_MISMATCH,
  //    PLUGIN_CONFIG_INVALID, PLUGIN_INIT_FAILED: the file, its settings, or
  //    what its create and its answers came to
  //  - DeadlineExceeded DRAIN_TIMEOUT: the message in work took too long; the
  //    instance before goes on
  //  - Unavailable SERVER_DRAINING: the host stops
  virtual void Do(PluginOperation operation, Reply reply) = 0;

  // All slots by name, those that were refused too.
  virtual std::vector<PluginStatus> List() const = 0;
  virtual std::vector<PluginStats> Stats() const = 0;

  // What is kept of the messages that `parent`, "plugins/counts" or "plugins/-"
  // for all, died of: newest first, and without their bytes. Waits for a disk.
  // Returns NotFound PLUGIN_NOT_FOUND, and Unavailable or DataLoss if what is
  // kept cannot be read.
  virtual absl::StatusOr<std::vector<PoisonMessage>> ListPoison(
      absl::string_view parent) const = 0;
  // The whole one. Returns NotFound POISON_MESSAGE_NOT_FOUND, and as above.
  virtual absl::StatusOr<PoisonMessage> GetPoison(absl::string_view plugin,
                                                  uint64_t number) const = 0;

  // Gives a poison message to a fresh instance in a child of its own, never to
  // the one that runs, and replies when that has ended. What it emits goes into
  // the reply and nowhere else.
  //
  // Replies with the errors of GetPoison, also for one that was too large to be
  // kept whole; NotFound PLUGIN_MODULE_NOT_FOUND, FailedPrecondition
  // PLUGIN_INIT_FAILED if no instance can be
  // made, Unavailable PLUGIN_BUSY and SERVER_DRAINING.
  using ReplayReply = std::function<void(absl::StatusOr<TrialResult>)>;
  virtual void ReplayPoison(PoisonReplay replay, ReplayReply reply) = 0;

  // Messages dropped over all handlers, also those that are gone. Monotonic.
  virtual uint64_t total_dropped() const = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_CONTROL_PLUGIN_CONTROL_H_
