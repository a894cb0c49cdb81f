#ifndef WEIR_HOST_BROKER_STREAM_LIMITS_H_
#define WEIR_HOST_BROKER_STREAM_LIMITS_H_

#include <cstdint>

#include "absl/time/time.h"

namespace weir {

// What a stream gets that asks for nothing, and the most that it can ask for.
// GetServerInfo shows the limits.
inline constexpr uint32_t kDefaultBatchEvents = 256;
inline constexpr uint32_t kMaxBatchEvents = 4096;
inline constexpr uint32_t kDefaultBatchBytes = 256 << 10;
inline constexpr uint32_t kMaxBatchBytes = 1 << 20;
inline constexpr absl::Duration kDefaultDelay = absl::Milliseconds(10);
inline constexpr absl::Duration kMaxDelay = absl::Seconds(1);
inline constexpr absl::Duration kDefaultHeartbeat = absl::Seconds(15);
inline constexpr absl::Duration kMinHeartbeat = absl::Seconds(1);
inline constexpr absl::Duration kMaxHeartbeat = absl::Minutes(5);

}  // namespace weir

#endif  // WEIR_HOST_BROKER_STREAM_LIMITS_H_
