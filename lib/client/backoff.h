#ifndef WEIR_LIB_CLIENT_BACKOFF_H_
#define WEIR_LIB_CLIENT_BACKOFF_H_

#include "absl/random/bit_gen_ref.h"
#include "absl/time/time.h"

namespace weir::client {

// How long a client waits before it connects again.
struct BackoffOptions {
  // The longest first wait. Short, since most restarts of a host take about a
  // second, and the jitter spreads a thousand clients over it.
  absl::Duration initial = absl::Milliseconds(500);
  // No wait is longer, unless the server asks for it.
  absl::Duration maximum = absl::Seconds(30);
};

// Says how long to wait before each next try: anywhere in [ceiling / 2,
// ceiling], where the ceiling doubles with every try from `initial` to
// `maximum`. The jitter keeps clients that lost the same server apart.
//
// Not thread-safe.
class Backoff {
 public:
  // `random` must outlive the Backoff.
  Backoff(BackoffOptions options, absl::BitGenRef random);

  // Returns the next wait. Where the server asked for a wait of `at_least`, it
  // is at least that and at most half as long again, because all its clients
  // were told the same.
  absl::Duration Next(absl::Duration at_least);

  // Starts over with short waits. Call it after a connection that lasted, not
  // once one stands: a server that accepts and hangs up is still down.
  void Reset() { ceiling_ = options_.initial; }

 private:
  const BackoffOptions options_;
  absl::BitGenRef random_;
  absl::Duration ceiling_;
};

}  // namespace weir::client

#endif  // WEIR_LIB_CLIENT_BACKOFF_H_
