#ifndef WEIR_HOST_BROKER_PUBLISHED_CHECK_H_
#define WEIR_HOST_BROKER_PUBLISHED_CHECK_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "host/pipeline/event.h"
#include "host/pipeline/event_codec.h"

namespace weir {

// Checks everything that could keep one of `events` out of the log of `epoch`,
// so that they go in all or not at all. The size is that of the longest ID
// there can be: nobody knows yet which ones they get.
//
// Returns InvalidArgument / EVENT_INVALID {index, field} or ResourceExhausted /
// EVENT_TOO_LARGE {index, size, limit}, of the first one at fault.
absl::Status CheckPublished(const std::vector<Event>& events,
                            absl::string_view epoch, const EventCodec& codec);

}  // namespace weir

#endif  // WEIR_HOST_BROKER_PUBLISHED_CHECK_H_
