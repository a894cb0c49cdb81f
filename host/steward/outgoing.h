#ifndef WEIR_HOST_STEWARD_OUTGOING_H_
#define WEIR_HOST_STEWARD_OUTGOING_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "lib/steward/compression.h"
#include "lib/steward/message.h"
#include "lib/steward/payload.h"
#include "lib/steward/profile.h"

namespace weir {

// How one message goes out: where to, as which bytes, and how often. A value.
struct Outgoing {
  std::string subject;
  steward::Payload payload;
  // Whether it waits for an acknowledgement. All below is of those that do.
  bool acknowledged = false;
  absl::Duration ack_timeout;
  // How often it is sent before it is given up; at least 1.
  int64_t transmissions = 1;
  // From the end of one wait to the next transmission.
  absl::Duration retry_wait;
};

// By the counting rule of the profile:
//
//            waits if                        transmissions     retry_wait
//   S0       the kind of the method says so  max(1, retries)   0
//   others   ack_timeout is 1 or more        retries + 1       retry_wait
//
// Times and counts that are out of all reason count as the nearest that is not:
// a day, a million.
Outgoing MakeOutgoing(const steward::Message& message, steward::Profile profile,
                      steward::Compression compression);

// Fills in what a sender of that profile does for what was left out: in S0 10 s
// for an ack_timeout and a method_timeout below 1, and 1 for retries; in all
// others 1 for retries below 0, and 10 s for a method_timeout below 1 that is
// not -1.
void FillDefaults(steward::Profile profile, steward::Message* message);

// What `payload` takes of what a server lets pass: bytes and headers.
size_t WireSize(const steward::Payload& payload);

}  // namespace weir

#endif  // WEIR_HOST_STEWARD_OUTGOING_H_
