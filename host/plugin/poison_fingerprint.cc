#include "host/plugin/poison_fingerprint.h"

#include <bit>

#include "absl/strings/str_cat.h"
#include "host/plugin/sha256.h"

namespace weir {

std::string PoisonFingerprint(absl::string_view type,
                              absl::string_view own_frame,
                              absl::string_view cause, uint64_t payload_bytes) {
  // Lengths first, so that no two of them run into one.
  const absl::string_view place = own_frame.empty() ? cause : own_frame;
  Sha256 hash;
  hash.Add(absl::StrCat(type.size(), ":", type, place.size(), ":", place,
                        std::bit_width(payload_bytes)));
  return hash.Hex().substr(0, 16);
}

}  // namespace weir
