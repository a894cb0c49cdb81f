#ifndef WEIR_SIM_FAULT_LINES_H_
#define WEIR_SIM_FAULT_LINES_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace weir::sim {

// The lines that faults put into a stream, each with its new-line. `now`
// becomes their timestamp.

// One line that is no JSON.
std::string GarbageLine();

// Two lines: a ris_message of the type "FUTURE", and a wrapper of the type
// "ris_future".
std::string UnknownTypeLines(absl::Time now);

// An UPDATE of `bytes` bytes, new-line included, whose `raw` is far too long;
// `bytes` is 1024 or more. It is valid JSON.
std::string LongLine(size_t bytes, absl::Time now);

// What RIS Live says to a client that is too slow, before it hangs up.
std::string RisErrorLine();

// How many prefixes each line of a burst announces.
constexpr int kPrefixesPerBurstUpdate = 4;

// `messages` UPDATEs of one peer, 198.51.100.200, of kPrefixesPerBurstUpdate
// announced IPv4 prefixes below 10.128.0.0/9 each; no two prefixes are the same
// among the first million messages.
std::string BurstLines(uint64_t messages, absl::Time now);

}  // namespace weir::sim

#endif  // WEIR_SIM_FAULT_LINES_H_
