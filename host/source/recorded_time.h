#ifndef WEIR_HOST_SOURCE_RECORDED_TIME_H_
#define WEIR_HOST_SOURCE_RECORDED_TIME_H_

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"

namespace weir {

// Returns when a recorded JSON line says that it happened, in nanoseconds since
// 1970: the number after the first "timestamp": of the line, in seconds with up
// to nine decimals. Nothing else of the line is looked at, since a replay has
// to pace a hundred thousand of them a second. Nullopt if there is none between
// 1970 and 2200.
std::optional<int64_t> RecordedTimeNs(absl::string_view line);

}  // namespace weir

#endif  // WEIR_HOST_SOURCE_RECORDED_TIME_H_
