#ifndef WEIR_HOST_CONTROL_SANDBOX_PROFILE_H_
#define WEIR_HOST_CONTROL_SANDBOX_PROFILE_H_

#include <cstdint>

namespace weir {

// What a plugin in a child may do after its instance was made; weir.v1's
// SandboxProfile, in its numbers.
enum class SandboxProfile : uint32_t {
  kStrict = 1,  // No files, no sockets.
  kFiles = 2,   // The files of its data directory.
  kNet = 3,     // That, and sockets.
  kNone = 4,    // What the host's user may.
};

}  // namespace weir

#endif  // WEIR_HOST_CONTROL_SANDBOX_PROFILE_H_
