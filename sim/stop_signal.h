#ifndef WEIR_SIM_STOP_SIGNAL_H_
#define WEIR_SIM_STOP_SIGNAL_H_

#include "absl/time/time.h"

namespace weir::sim {

// Tells every connection of a server that it stops, and is what their threads
// wait on for everything else, too. Thread-safe.
class StopSignal {
 public:
  enum class Woken { kTimeUp, kPeerGone, kStopped };

  StopSignal();
  ~StopSignal();

  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  // Ends all waits, now and from now on.
  void Raise();

  // Blocks until `duration` has passed (zero or less: not at all; may be
  // infinite), the other end of `socket` has hung up, or Raise was called.
  Woken WaitFor(absl::Duration duration, int socket) const;

  // Whether the other end of `socket` has hung up.
  static bool HungUp(int socket);

 private:
  const int event_;
};

}  // namespace weir::sim

#endif  // WEIR_SIM_STOP_SIGNAL_H_
