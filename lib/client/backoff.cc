#include "lib/client/backoff.h"

#include <algorithm>

#include "absl/random/random.h"

namespace weir::client {

Backoff::Backoff(BackoffOptions options, absl::BitGenRef random)
    : options_(options), random_(random), ceiling_(options.initial) {}

absl::Duration Backoff::Next(absl::Duration at_least) {
  const double chance = absl::Uniform<double>(random_, 0, 1);
  const absl::Duration own = ceiling_ * (0.5 + 0.5 * chance);
  ceiling_ = std::min(2 * ceiling_, options_.maximum);
  return std::max(own, at_least * (1 + 0.5 * chance));
}

}  // namespace weir::client
