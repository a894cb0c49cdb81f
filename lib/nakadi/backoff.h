#ifndef WEIR_LIB_NAKADI_BACKOFF_H_
#define WEIR_LIB_NAKADI_BACKOFF_H_

#include <algorithm>
#include <cstdint>
#include <random>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "lib/nakadi/error.h"

namespace weir::nakadi {

// The wait of a client whose subscription has no free slot: 1 s at first,
// doubling to 30 s. That is standby and no trouble, so it is apart from the
// back-off after errors. Not thread-safe.
class StandbyDelay {
 public:
  StandbyDelay(absl::Duration first, absl::Duration longest)
      : first_(first), longest_(longest), next_(first) {}
  StandbyDelay() : StandbyDelay(absl::Seconds(1), absl::Seconds(30)) {}

  absl::Duration Next() {
    const absl::Duration wait = next_;
    next_ = std::min(next_ * 2, longest_);
    return wait;
  }
  void Reset() { next_ = first_; }

 private:
  const absl::Duration first_, longest_;
  absl::Duration next_;
};

// How long to wait before a stream is opened again: up to a ceiling that grows
// by half each time, anywhere below it by a seeded chance, so that clients that
// lost one server do not come back as one. Not thread-safe.
class Backoff {
 public:
  Backoff(absl::Duration initial, absl::Duration longest, StandbyDelay standby,
          uint64_t seed)
      : initial_(initial),
        longest_(longest),
        ceiling_(initial),
        standby_(standby),
        random_(seed) {}

  // After `error`; Retry-After and a 409 make it longer.
  absl::Duration Next(const absl::Status& error) {
    const Error details = GetError(error);
    if (details.kind == Error::Kind::kConflict) {
      return std::max(standby_.Next(), details.retry_after);
    }
    std::uniform_real_distribution<double> part(0.1, 1);
    const absl::Duration wait = ceiling_ * part(random_);
    ceiling_ = std::min(ceiling_ * 1.5, longest_);
    return std::max(wait, details.retry_after);
  }

  // Once a stream brought a line: one that opens and ends is no recovery.
  void Reset() {
    ceiling_ = initial_;
    standby_.Reset();
  }

 private:
  const absl::Duration initial_, longest_;
  absl::Duration ceiling_;
  StandbyDelay standby_;
  std::mt19937_64 random_;
};

}  // namespace weir::nakadi

#endif  // WEIR_LIB_NAKADI_BACKOFF_H_
