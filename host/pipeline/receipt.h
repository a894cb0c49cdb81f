#ifndef WEIR_HOST_PIPELINE_RECEIPT_H_
#define WEIR_HOST_PIPELINE_RECEIPT_H_

#include <utility>

#include "absl/functional/any_invocable.h"

namespace weir {

// What became of a batch once nobody holds it any more.
enum class Outcome {
  kAllProcessed,  // Every handler that wanted a message was given it.
  kSomeFailed,    // The same, and one of them said that it failed.
  kUnwanted,      // There is no handler that wants any of the messages.
  kSomeLost,      // A message was dropped, discarded or lost in a crash.
};

// Tells a source that nobody needs what it read any more: the Nakadi source
// commits its cursor there, a replayed file moves its offset, so that whatever
// a crash interrupts is delivered again.
//
// A receipt travels with the frames that the source handed over and then lies
// in the MessageBatch that they became. Beside pressure, this is the one thing
// that goes back along the data path, and no room on the way has to know that
// it does.
//
// A receipt that is destroyed without Complete says kSomeLost: whoever dropped
// the frames need not think of it. Movable; not thread-safe.
class Receipt {
 public:
  // For a source that has nothing to commit: RIS Live.
  Receipt() = default;

  // `done` runs once, on whichever thread lets go last, so it must be quick and
  // must not call back into the room that calls it.
  explicit Receipt(absl::AnyInvocable<void(Outcome)> done)
      : done_(std::move(done)) {}

  Receipt(Receipt&& other) noexcept
      : done_(std::exchange(other.done_, nullptr)) {}
  Receipt& operator=(Receipt&& other) noexcept {
    if (this != &other) {
      Complete(Outcome::kSomeLost);
      done_ = std::exchange(other.done_, nullptr);
    }
    return *this;
  }

  ~Receipt() { Complete(Outcome::kSomeLost); }

  // Whether anybody is told, and was not yet.
  explicit operator bool() const { return done_ != nullptr; }

  // Tells the source, the first time; after that it does nothing.
  void Complete(Outcome outcome) {
    if (done_) std::exchange(done_, nullptr)(outcome);
  }

 private:
  absl::AnyInvocable<void(Outcome)> done_;
};

}  // namespace weir

#endif  // WEIR_HOST_PIPELINE_RECEIPT_H_
