#ifndef WEIR_HOST_BROKER_EVENT_CHECK_H_
#define WEIR_HOST_BROKER_EVENT_CHECK_H_

#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "host/pipeline/event.h"
#include "weir/message_fields.h"

namespace weir {

// The bounds of weir.v1.Event. Whoever raises one has to think of the clients
// that refuse messages of more than 4 MiB.
inline constexpr size_t kMaxEventBytes = 256 << 10;  // Serialized.
inline constexpr size_t kMaxTypeBytes = 128;
inline constexpr size_t kMaxSourceBytes = 256;
inline constexpr size_t kMaxLabels = 32;
inline constexpr size_t kMaxLabelKeyBytes = 63;
inline constexpr size_t kMaxLabelValueBytes = 1 << 10;
inline constexpr size_t kMaxEventPrefixes = 64;
inline constexpr size_t kMaxEventAsNumbers = 64;
inline constexpr size_t kMaxCausedBy = 64;
inline constexpr size_t kMaxDataSchemaBytes = 256;
inline constexpr size_t kMaxTraceparentBytes = 128;

// Returns InvalidArgument / EVENT_INVALID for the first bound that `event`
// breaks, with the field in the metadata. A text that is not UTF-8 breaks one:
// protobuf would not read it back. The size of the whole is checked where it is
// known, by the log (EVENT_TOO_LARGE).
absl::Status CheckEvent(const Event& event);

// Whether `text` is 1 to kMaxTypeBytes of [a-z0-9_.-].
bool IsEventType(absl::string_view text);

// Whether `prefix` is a CIDR block with no bit set after its length.
bool IsCanonical(const weir_prefix& prefix);

}  // namespace weir

#endif  // WEIR_HOST_BROKER_EVENT_CHECK_H_
