#ifndef WEIR_LIB_STEWARD_MESSAGE_JSON_H_
#define WEIR_LIB_STEWARD_MESSAGE_JSON_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/steward/message.h"

namespace weir::steward {

// The message as one line of JSON, as ctrl writes it: its 27 fields in the
// order of layout C4, bytes in padded base64 (RFC 4648, 4), null for what is
// absent. Bytes in a text that are not UTF-8 are replaced by U+FFFD.
std::string MessageToJson(const Message& message);

// Reads one JSON object of these fields, in any order; absent and null are the
// same, and what has another name is passed over, as by Go's decoder. `data` is
// base64. A chain of previous messages ends where CBOR's does.
//
// Returns InvalidArgument with the field and what was found in place of what,
// or with where the JSON is broken. Cure: the sender's.
absl::StatusOr<Message> MessageFromJson(absl::string_view json);

// Reads one such object or an array of 1 to `max`; in each `data` may be a list
// of texts, too, as in the JSON of S0.
//
// Returns InvalidArgument as above, with the index of the message, from 0.
absl::StatusOr<std::vector<Message>> MessagesFromJson(absl::string_view json,
                                                      size_t max);

}  // namespace weir::steward

#endif  // WEIR_LIB_STEWARD_MESSAGE_JSON_H_
