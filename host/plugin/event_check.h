#ifndef WEIR_HOST_PLUGIN_EVENT_CHECK_H_
#define WEIR_HOST_PLUGIN_EVENT_CHECK_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "host/pipeline/event.h"
#include "weir/plugin_abi.h"

namespace weir {

// Bytes of kind, subject, json and labels together; weir_ext_emit.max_bytes.
inline constexpr uint32_t kMaxPluginEventBytes = 64 * 1024;

// Copies what a plugin emits, if every bound of weir_event holds; all but that
// `json` is JSON, which costs most and is IsJson's. `source` of the result is
// the caller's to set.
//
// Returns OutOfRange for an event that is too large, and InvalidArgument for
// one that breaks another bound; the message names the field and the bound.
absl::StatusOr<Event> CopyPluginEvent(const weir_event& event);

// Whether `text` is one JSON value, or empty.
bool IsJson(const std::string& text);

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_EVENT_CHECK_H_
