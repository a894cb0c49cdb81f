#ifndef WEIR_HOST_PIPELINE_HANDLER_H_
#define WEIR_HOST_PIPELINE_HANDLER_H_

#include <atomic>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "host/pipeline/losses.h"
#include "host/pipeline/message.h"

namespace weir {

// How a run of messages ended for the instance that had it.
struct RunOutcome {
  // Whether the instance can take another run. If it cannot, because its child
  // died, it gets no other call than its destructor.
  bool alive = true;
  // Only if it is not: whether the message after those that are done was in its
  // hands, and is lost; the rest of the run it never saw.
  bool lost_one = false;
};

// One instance of handler code, as dispatch drives it: a plugin in this
// process, a plugin in a child, or a test's own.
//
// Every call but AskToStop, Kill and the destructor comes from the one worker
// thread of the instance: Create first, then what it has to be asked, then runs
// with ticks between them, and Destroy last. A call may take as long as it
// likes; only its own queue waits for it.
class Handler {
 public:
  virtual ~Handler() = default;

  // Makes the instance. An error refuses the handler; no other call follows.
  virtual absl::Status Create() = 0;

  // How many messages may wait, asked once. 0 and less refuse the handler.
  virtual int64_t QueueCapacity() = 0;

  // Whether messages of `type` are to be handled. Asked once for each type. An
  // error counts as no.
  virtual bool WantsMessage(absl::string_view type) = 0;

  // Handles `messages` in order, each exactly once. `done` counts those that
  // are finished, stored with release after each, so that the books are exact
  // in the middle of a batch. `errors` counts those among them that the handler
  // refused or threw at, of whose batches it says MarkFailed; store it before
  // `done`. Both are 0 at the call.
  virtual RunOutcome HandleMessages(absl::Span<const Message* const> messages,
                                    std::atomic<uint32_t>& done,
                                    std::atomic<uint32_t>& errors) = 0;

  // The first message of the HandleMessages that follows at once was in the
  // hands of an instance that died, and is given once more.
  virtual void TellRedelivery() {}

  // How long it is from one Tick to the next, asked once after the first
  // answers of WantsMessage. 0: there are none.
  virtual absl::Duration TickInterval() { return absl::ZeroDuration(); }

  // A moment between two runs that is the handler's, also while no messages
  // come, as long as the instance has its turn and is not held. Returns whether
  // it is still alive, as RunOutcome says.
  virtual bool Tick() { return true; }

  // How long it is from one Look to the next, asked as TickInterval is. 0:
  // there are none.
  virtual absl::Duration LookInterval() { return absl::ZeroDuration(); }

  // As a tick, beside the ticks, and the first one at once: a moment to tell
  // the handler what has changed around it. Returns whether it is still alive.
  virtual bool Look() { return true; }

  // Whether it has something that goes on beside its messages, which has to
  // rest while another instance has its turn. From any thread, after Create.
  virtual bool HasCompanions() const { return false; }

  // It has lost its turn, and may get it back: has that come to an end, until
  // the next Look.
  virtual void Rest() {}

  // What was lost before the run that follows, or the tick; only if that is
  // more than at the last call.
  virtual void TellLosses(const Losses& losses) { (void)losses; }

  // Gives a live instance another configuration, one JSON object. Returns
  // Unimplemented if it takes that only at its creation, FailedPrecondition
  // with the reason if it does not take it, or Aborted if it died of it; in the
  // first two cases it goes on with the one that it had.
  virtual absl::Status Reconfigure(absl::string_view config_json) {
    (void)config_json;
    return absl::UnimplementedError("reconfigure: not this handler");
  }

  // Whether it hands its state to its successor, and takes that of its
  // predecessor. From any thread, after Create.
  virtual bool HasState() const { return false; }

  // What it hands over. While it has no turn; it may get it back. Returns
  // FailedPrecondition with what the handler said, and Aborted if the instance
  // did not survive that, or did not answer in time.
  virtual absl::StatusOr<std::string> SaveState() {
    return absl::UnimplementedError("it has no state to hand over");
  }

  // Takes what another instance has saved, in the place of what it has. Errors
  // as of SaveState.
  virtual absl::Status LoadState(absl::string_view state) {
    (void)state;
    return absl::UnimplementedError("it takes no state");
  }

  // Ends the instance. Called if Create succeeded and it is alive.
  virtual void Destroy() = 0;

  // Whether it should come back from its call soon, from any thread: somebody
  // waits for that. It may well not.
  virtual void AskToStop(bool stop) { (void)stop; }

  // Ends it by force, from any thread, so that the call in progress returns and
  // says so: `cause` tells why, "hard deadline". Returns false if that cannot
  // be done to it: what runs in this process can only be abandoned.
  virtual bool Kill(absl::string_view cause) {
    (void)cause;
    return false;
  }
};

}  // namespace weir

#endif  // WEIR_HOST_PIPELINE_HANDLER_H_
