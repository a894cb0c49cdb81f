#ifndef WEIR_HOST_RPC_PROTO_TIME_H_
#define WEIR_HOST_RPC_PROTO_TIME_H_

#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"

namespace weir {

// Writes `time`, rounded down to nanoseconds. An infinite time is unset in our
// own structs, so it must not come here; see SetTime.
google::protobuf::Timestamp ToProto(absl::Time time);
google::protobuf::Duration ToProto(absl::Duration duration);

absl::Time FromProto(const google::protobuf::Timestamp& timestamp);
absl::Duration FromProto(const google::protobuf::Duration& duration);

// Sets a field through its mutable accessor unless `time` is infinite:
// SetTime(time, [&] { return message.mutable_state_time(); }).
template <typename Mutable>
void SetTime(absl::Time time, Mutable mutable_field) {
  if (time == absl::InfinitePast() || time == absl::InfiniteFuture()) return;
  *mutable_field() = ToProto(time);
}

}  // namespace weir

#endif  // WEIR_HOST_RPC_PROTO_TIME_H_
