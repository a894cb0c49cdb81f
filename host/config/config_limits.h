#ifndef WEIR_HOST_CONFIG_CONFIG_LIMITS_H_
#define WEIR_HOST_CONFIG_CONFIG_LIMITS_H_

#include <cstddef>

namespace weir {

// How much one configuration file may hold. Whatever is beyond is a fault, so
// that no file, however made, takes much memory or a deep stack to read.

// A configuration with a hundred sources and plugins has some 10 KiB. What is
// large beside it, a list of prefixes, belongs into a file of the plugin's own.
inline constexpr size_t kMaxConfigBytes = 1 << 20;

// Values and keys; an alias counts as often as it is used.
inline constexpr int kMaxConfigNodes = 100'000;

// Mappings and lists within each other. The schema needs 8; the rest is for
// what plugins take.
inline constexpr int kMaxConfigDepth = 64;

// YAML itself ends a key at 1024 characters, and each byte may have to be
// written as four.
inline constexpr size_t kMaxConfigKeyBytes = 128;

}  // namespace weir

#endif  // WEIR_HOST_CONFIG_CONFIG_LIMITS_H_
