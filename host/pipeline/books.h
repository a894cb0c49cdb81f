#ifndef WEIR_HOST_PIPELINE_BOOKS_H_
#define WEIR_HOST_PIPELINE_BOOKS_H_

#include <cstdint>

namespace weir {

// What became of the messages that reached one slot, since the slot was made.
// At every moment, exactly:
//
//   offered  = not_wanted + enqueued + dropped_policy + dropped_full
//            + dropped_not_running + dropped_quarantined
//   enqueued = processed_ok + processed_error + lost_in_crash
//            + discarded_on_unload + queued + in_flight
//
// All but queued and in_flight only grow. A message of a type that the handler
// has not been asked about yet waits outside of the books until it has
// answered.
struct Books {
  uint64_t offered = 0;
  uint64_t not_wanted = 0;  // WantsMessage said no.
  uint64_t enqueued = 0;
  uint64_t dropped_policy = 0;  // linear_drop, while there was room.
  // Full. Under drop_oldest the newcomer takes its victim's place in
  // `enqueued`, and the victim counts here.
  uint64_t dropped_full = 0;
  uint64_t dropped_not_running = 0;
  uint64_t dropped_quarantined = 0;

  uint64_t processed_ok = 0;
  uint64_t processed_error = 0;  // The handler returned an error or threw.
  uint64_t lost_in_crash = 0;
  uint64_t discarded_on_unload = 0;  // Still queued at the drain deadline.
  uint64_t queued = 0;               // Now.
  uint64_t in_flight = 0;            // Now: 0 or 1.

  uint64_t dropped() const {
    return dropped_policy + dropped_full + dropped_not_running +
           dropped_quarantined;
  }

  // Whether both lines hold.
  bool Balance() const {
    return offered == not_wanted + enqueued + dropped() &&
           enqueued == processed_ok + processed_error + lost_in_crash +
                           discarded_on_unload + queued + in_flight;
  }
};

}  // namespace weir

#endif  // WEIR_HOST_PIPELINE_BOOKS_H_
