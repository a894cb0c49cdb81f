#ifndef WEIR_HOST_PLUGIN_POISON_FINGERPRINT_H_
#define WEIR_HOST_PLUGIN_POISON_FINGERPRINT_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace weir {

// A name, 16 hex digits, for what is likely to be one defect: the message's
// type, the innermost frame that is the plugin's own, and the size class of the
// payload, the power of two it reaches. The frames further in are those of
// abort or memcpy, which every defect ends in. Where there is no such frame,
// as after SIGKILL, `cause` stands for it.
//
// `own_frame` is a function's name, or an offset if it has none: a loop that
// hangs is left at another instruction each time.
std::string PoisonFingerprint(absl::string_view type,
                              absl::string_view own_frame,
                              absl::string_view cause, uint64_t payload_bytes);

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_POISON_FINGERPRINT_H_
