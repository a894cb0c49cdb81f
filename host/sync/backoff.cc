#include "host/sync/backoff.h"

#include <algorithm>

#include "absl/random/distributions.h"

namespace weir {

Backoff::Backoff(const BackoffOptions& options, absl::BitGenRef random)
    : options_(options), random_(random) {
  Reset();
}

absl::Duration Backoff::Next() {
  const absl::Duration delay =
      ceiling_ *
      absl::Uniform(absl::IntervalClosed, random_, 1 - options_.jitter, 1.0);
  ceiling_ = std::min(ceiling_ * options_.multiplier, options_.max);
  return delay;
}

void Backoff::Reset() { ceiling_ = std::min(options_.initial, options_.max); }

}  // namespace weir
