#ifndef WEIR_BENCHMARKS_EVENT_READERS_H_
#define WEIR_BENCHMARKS_EVENT_READERS_H_

#include <cstdint>
#include <string>
#include <vector>

namespace weir {

// What stands in the JSON of each event before the time at which it was
// published: nanoseconds of CLOCK_MONOTONIC, in kSentDigits digits.
inline constexpr char kSentMark[] = "\"sent_ns\":1";
inline constexpr int kSentDigits = 18;  // Behind the 1, so that none is a 0.

// What some readers of one log saw.
struct EventReadersResult {
  uint64_t events = 0;                 // Of all streams together.
  std::vector<uint32_t> latencies_us;  // Of each event of each stream, sorted.
};

// Subscribes `streams` times to weir.v1.EventService at `address`, each with a
// connection of its own, and reads until each had `events` events. `max_delay`
// is what each asks for, in nanoseconds; -1 asks for nothing. Calls `ready`
// when all are registered.
//
// A cheap load: raw gRPC, and of a response only the frames of its events are
// looked at, and the time in each.
EventReadersResult ReadEvents(const std::string& address, int streams,
                              uint64_t events, int64_t max_delay_ns,
                              void (*ready)());

}  // namespace weir

#endif  // WEIR_BENCHMARKS_EVENT_READERS_H_
