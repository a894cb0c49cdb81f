#ifndef WEIR_HOST_SOURCE_JETSTREAM_ERROR_H_
#define WEIR_HOST_SOURCE_JETSTREAM_ERROR_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "host/nats/jetstream_api.h"

namespace weir {

// What a source says of a stream that it cannot read, as source_error.h has it;
// `endpoint` is the servers.

// Nobody answers where JetStream should, or it says that it is off.
// Unavailable.
absl::Status JetStreamIsOff(absl::string_view endpoint);

// The server does not let the user publish what the consumer needs; all of that
// is named. PermissionDenied.
absl::Status JetStreamForbidden(absl::string_view endpoint,
                                const JetStreamConsumer& consumer);

// What an answer says that is an error: Unavailable for a stream that may be
// made and for what passes, FailedPrecondition for the rest.
absl::Status JetStreamErrorOf(absl::string_view endpoint,
                              const JetStreamConsumer& consumer,
                              const JetStreamAnswer& answer);

}  // namespace weir

#endif  // WEIR_HOST_SOURCE_JETSTREAM_ERROR_H_
