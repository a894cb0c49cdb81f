#ifndef WEIR_HOST_RPC_EVENT_FROM_PROTO_H_
#define WEIR_HOST_RPC_EVENT_FROM_PROTO_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "host/pipeline/event.h"
#include "weir/v1/event.pb.h"

namespace weir {

// Returns event `index` of a PublishRequest in our own words; `source` is what
// it has if it names none. Bounds are checked by the log; here is what cannot
// be said in our words, or not by a publisher.
//
// Returns InvalidArgument / EVENT_INVALID {index, field}, with the field as a
// violation, for what the log gives itself (id, seq, append_time), a type of
// the host ("weir."), a source that does not begin with "publishers/", a time
// or a severity that is none, JSON that is not one value, and a prefix that is
// no CIDR block.
absl::StatusOr<Event> EventFromProto(const v1::Event& proto, size_t index,
                                     const std::string& source);

}  // namespace weir

#endif  // WEIR_HOST_RPC_EVENT_FROM_PROTO_H_
