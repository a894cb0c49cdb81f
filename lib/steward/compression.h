#ifndef WEIR_LIB_STEWARD_COMPRESSION_H_
#define WEIR_LIB_STEWARD_COMPRESSION_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace weir::steward {

// What the header `cmp` says of a payload: `none` or anything else, `z`, `g`.
enum class Compression { kNone, kZstd, kGzip };

// `payload` packed in one frame: zstd as the peers pack it (level 3, with a
// checksum), gzip at zlib's default level.
std::string Compress(Compression compression, absl::string_view payload);

// What was packed in `payload`, of one frame or several.
//
// Small frames of the peers' do not say how large they unpack, and one that
// says so may lie: memory grows with what comes out, and ends at `max_bytes`.
//
// Returns ResourceExhausted if there is more than `max_bytes` in it, and
// InvalidArgument if it is damaged, ends early, is followed by other bytes, or
// is none of that kind, an empty payload included. Cure: the sender's.
absl::StatusOr<std::string> Decompress(Compression compression,
                                       absl::string_view payload,
                                       size_t max_bytes);

}  // namespace weir::steward

#endif  // WEIR_LIB_STEWARD_COMPRESSION_H_
