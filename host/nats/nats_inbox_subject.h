#ifndef WEIR_HOST_NATS_NATS_INBOX_SUBJECT_H_
#define WEIR_HOST_NATS_NATS_INBOX_SUBJECT_H_

#include <string>

#include "absl/status/statusor.h"

namespace weir {

// A subject to be answered at, which nobody else has, up to its last word:
// "_INBOX.x7gPQsO2.". Returns Unavailable without memory.
absl::StatusOr<std::string> NewNatsInbox();

}  // namespace weir

#endif  // WEIR_HOST_NATS_NATS_INBOX_SUBJECT_H_
