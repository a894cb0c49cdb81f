#ifndef WEIR_HOST_RPC_STREAM_CONVERT_H_
#define WEIR_HOST_RPC_STREAM_CONVERT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/repeated_field.h"
#include "grpcpp/support/byte_buffer.h"
#include "host/control/event_filter.h"
#include "host/control/event_log.h"
#include "host/control/event_stream.h"
#include "host/control/stream_options.h"
#include "weir/v1/event.pb.h"

namespace weir {

// What a client wrote, in our own words. Bounds are checked by who uses it;
// what cannot even be said in our words (a duration out of range, an unknown
// enum value) is InvalidArgument / INVALID_FIELD here, with its path from the
// request.
std::vector<EventFilter> FiltersFromProto(
    const google::protobuf::RepeatedPtrField<v1::EventFilter>& filters);
void FilterToProto(const EventFilter& filter, v1::EventFilter* out);
StartPosition StartFromProto(const v1::StartPosition& start);
GapPolicy GapPolicyFromProto(v1::GapPolicy policy);
v1::GapPolicy GapPolicyToProto(GapPolicy policy);
absl::StatusOr<BatchOptions> BatchFromProto(const v1::BatchOptions& batch);
absl::StatusOr<StreamOptions> StreamOptionsFromProto(
    const v1::SubscribeRequest& request);

// Checks a duration of a request: not negative and no longer than 10,000 years,
// as google.protobuf.Duration itself is bounded.
absl::StatusOr<absl::Duration> DurationFromRequest(
    const google::protobuf::Duration& duration, absl::string_view field);

// Writes the gap of `item`, which is of kGap.
void GapToProto(const StreamItem& item, v1::SubscribeResponse::Gap* out);

// Returns the bytes of a message whose field 1 is the events in `pieces`, and
// the rest of which is serialized in `rest`. Events are not copied: the buffer
// shares the log's memory.
grpc::ByteBuffer WithEvents(const std::vector<SharedBytes>& pieces,
                            const std::string& rest);

// Writes `item`, which is not of kEnd, as the bytes of one SubscribeResponse.
grpc::ByteBuffer ToResponse(const StreamItem& item,
                            absl::string_view server_version);

v1::LogInfo ToProto(const LogInfo& info);

}  // namespace weir

#endif  // WEIR_HOST_RPC_STREAM_CONVERT_H_
