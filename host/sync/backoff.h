#ifndef WEIR_HOST_SYNC_BACKOFF_H_
#define WEIR_HOST_SYNC_BACKOFF_H_

#include <cstdint>

#include "absl/random/bit_gen_ref.h"
#include "absl/time/time.h"

namespace weir {

// The defaults are those of RIS Live; its operators ask for patience.
struct BackoffOptions {
  absl::Duration initial = absl::Seconds(5);
  absl::Duration max = absl::Seconds(320);
  double multiplier = 2;  // At least 1.
  double jitter = 0.5;    // In [0, 1]; 0 is none.
  // A connection that lived for longer than this was a good one: the next wait
  // is a short one again.
  absl::Duration reset_after = absl::Seconds(30);
  // Failures in a row after which whoever tries gives up; 0 is never.
  uint32_t max_attempts = 0;
};

// How long to wait before the next attempt to connect: longer each time, less a
// part of it by chance. Chance keeps the hosts that one outage disconnected
// from coming back in one wave.
//
//   delay(n) = min(initial x multiplier^n, max) x a factor in [1 - jitter, 1]
//
// Not thread-safe; each connection has its own.
class Backoff {
 public:
  // `random` must outlive the Backoff.
  Backoff(const BackoffOptions& options, absl::BitGenRef random);

  // Returns the next delay and raises the one after it.
  absl::Duration Next();

  // Starts over from options.initial. Call it after a connection that lasted,
  // not once one stands: a server that accepts and hangs up is still down.
  void Reset();

  const BackoffOptions& options() const { return options_; }

 private:
  const BackoffOptions options_;
  absl::BitGenRef random_;
  absl::Duration ceiling_;
};

}  // namespace weir

#endif  // WEIR_HOST_SYNC_BACKOFF_H_
