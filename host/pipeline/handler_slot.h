#ifndef WEIR_HOST_PIPELINE_HANDLER_SLOT_H_
#define WEIR_HOST_PIPELINE_HANDLER_SLOT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "host/pipeline/handler.h"
#include "host/pipeline/handler_stats.h"
#include "host/pipeline/message_copy.h"

namespace weir {

struct HandlerOptions;

// A place for a handler: its queue and its books, which stay while instances of
// the handler come and go.
//
//   Prepare --> Switch --> End            the first, and the last
//               Prepare --> Switch --> End     its successor
//
// An instance gets messages while it has the turn, which Switch gives it and
// takes from the one before. What was queued for that one is the next one's.
//
// Thread-safe, but for one thing: Prepare, Switch, End and Configure of one
// slot come one after the other.
class HandlerSlot {
 public:
  // How long a call may still take once its time is over.
  static constexpr absl::Duration kGrace = absl::Seconds(1);

  // What becomes of messages that are offered.
  enum class Intake {
    kQueue,        // They wait, under the slot's policy, for whoever comes.
    kNotRunning,   // They are dropped and counted so, as ...
    kQuarantined,  // ... are these.
  };

  // An instance that waits for its turn.
  struct Prepared {
    uint64_t instance = 0;  // Counts from 1.
    int64_t requested_capacity = 0;
  };

  virtual ~HandlerSlot() = default;

  // Creates `handler` on a worker of its own, asks for its capacity and which
  // of the known types it wants. `on_gone` is called on that worker if the
  // instance dies of itself later; of the slot it may call SetIntake only.
  //
  // Returns InvalidArgument if it asks for a capacity of 0 or less (the message
  // has the number), DeadlineExceeded if it is not ready by the slot's
  // create_deadline (it is killed, or abandoned with its thread),
  // ResourceExhausted if there is no thread to be had, and Create's own error.
  virtual absl::StatusOr<Prepared> Prepare(std::shared_ptr<Handler> handler,
                                           std::function<void()> on_gone) = 0;

  // Gives the turn to `instance`, 0 for nobody, as soon as whoever has it has
  // finished the message in its hands; the queue gets the size that it asked
  // for, and what waits and is not wanted any more is discarded.
  //
  // Returns DeadlineExceeded if that takes longer than `timeout`, and NotFound
  // if it ended; then nothing has changed.
  virtual absl::Status Switch(uint64_t instance, absl::Duration timeout) = 0;

  // Has `call` made on the worker of `instance`, between two runs, whether it
  // has the turn or not, and waits for it.
  //
  // Returns DeadlineExceeded if that takes longer than `timeout`; the call is
  // not made then, or goes on behind our back, so it must own all that it
  // touches. Returns NotFound if the instance ended.
  virtual absl::Status Call(uint64_t instance,
                            std::function<void(Handler&)> call,
                            absl::Duration timeout) = 0;

  // Ends an instance, after the message in its hands. One that does not let go
  // within a second is killed; one that cannot be killed is abandoned with its
  // thread, and the message lost. Does nothing for one that is not there.
  virtual void End(uint64_t instance) = 0;

  // Has `options` hold from now on, name and seed apart; what waits stays, also
  // beyond a smaller capacity.
  virtual void Configure(const HandlerOptions& options) = 0;

  virtual void SetIntake(Intake intake) = 0;

  // While held, messages wait, and a full queue holds no source up.
  virtual void Hold(bool held) = 0;

  // Waits until all that is queued is dealt with. Returns false if `timeout`
  // passed first, or if nobody takes what is left: the slot is held, or has no
  // instance.
  virtual bool Drain(absl::Duration timeout) = 0;

  // Discards what is queued. Returns how many messages that were.
  virtual uint64_t Discard() = 0;

  // Begins the high-water mark and the distributions anew.
  virtual void ResetStats() = 0;

  virtual HandlerStats Stats() = 0;

  // A copy of the message that is in an instance's hands; nullopt if there is
  // none.
  virtual std::optional<MessageCopy> InFlight() = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_PIPELINE_HANDLER_SLOT_H_
