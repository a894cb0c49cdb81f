#ifndef WEIR_HOST_PIPELINE_LOSSES_H_
#define WEIR_HOST_PIPELINE_LOSSES_H_

#include <cstdint>

#include "host/pipeline/books.h"

namespace weir {

// Messages that a slot's handler wanted and did not get, by reason, since the
// slot was made. Part of its Books, and named as there. A value.
struct Losses {
  uint64_t dropped_policy = 0;
  uint64_t dropped_full = 0;
  uint64_t dropped_not_running = 0;
  uint64_t dropped_quarantined = 0;
  uint64_t lost_in_crash = 0;
  uint64_t discarded_on_unload = 0;

  static Losses Of(const Books& books) {
    return {.dropped_policy = books.dropped_policy,
            .dropped_full = books.dropped_full,
            .dropped_not_running = books.dropped_not_running,
            .dropped_quarantined = books.dropped_quarantined,
            .lost_in_crash = books.lost_in_crash,
            .discarded_on_unload = books.discarded_on_unload};
  }

  friend bool operator==(const Losses& a, const Losses& b) = default;
};

}  // namespace weir

#endif  // WEIR_HOST_PIPELINE_LOSSES_H_
