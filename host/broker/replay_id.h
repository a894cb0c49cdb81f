#ifndef WEIR_HOST_BROKER_REPLAY_ID_H_
#define WEIR_HOST_BROKER_REPLAY_ID_H_

#include <cstdint>
#include <string>

#include "absl/random/bit_gen_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace weir {

// A position in a log, as clients keep it: "7k2mq9xv-184467". An event's ID and
// a stream's cursor are both one of these; `seq` 0 is the position before the
// first event and nobody's ID. A value.
struct ReplayId {
  std::string epoch;  // Of kEpochSize characters.
  uint64_t seq = 0;

  bool operator==(const ReplayId&) const = default;
};

// Characters in an epoch: 40 bits of chance, so that the epochs of a thousand
// restarts differ with a probability of 1 - 5e-7.
inline constexpr int kEpochSize = 8;

// Returns an epoch drawn from `random`: digits and lower-case letters without
// i, l, o and u (Crockford's base 32), which nobody misreads over the phone.
std::string MakeEpoch(absl::BitGenRef random);

std::string FormatReplayId(absl::string_view epoch, uint64_t seq);

// Reads what FormatReplayId writes, and nothing else: one spelling for each
// position, so that equal positions are equal strings.
//
// Returns InvalidArgument / INVALID_REPLAY_ID with `field` and `value` for
// anything else: start from `latest` or `earliest` instead.
absl::StatusOr<ReplayId> ParseReplayId(absl::string_view text,
                                       absl::string_view field);

}  // namespace weir

#endif  // WEIR_HOST_BROKER_REPLAY_ID_H_
