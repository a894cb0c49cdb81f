#ifndef WEIR_HOST_BROKER_CRC32C_H_
#define WEIR_HOST_BROKER_CRC32C_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace weir {

// Returns the CRC-32C (Castagnoli) of what `crc` is the checksum of, followed
// by `bytes`; 0 is that of nothing. With the processor's own instruction where
// there is one: some gigabytes a second. Debian 12 has no C++ library of it.
uint32_t ExtendCrc32c(uint32_t crc, absl::string_view bytes);

// The same without that instruction, for processors that do not have it.
uint32_t ExtendCrc32cByTable(uint32_t crc, absl::string_view bytes);

}  // namespace weir

#endif  // WEIR_HOST_BROKER_CRC32C_H_
