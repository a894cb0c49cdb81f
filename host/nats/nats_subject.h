#ifndef WEIR_HOST_NATS_NATS_SUBJECT_H_
#define WEIR_HOST_NATS_NATS_SUBJECT_H_

#include <cstddef>

#include "absl/strings/string_view.h"

namespace weir {

// The longest subject that we publish to or wait at. What a server allows for
// the line of a message, with both subjects and lengths, is 4 KiB.
inline constexpr size_t kMaxNatsSubjectBytes = 1024;

// Whether `text` can be a subject that is published to, or part of one: words
// with dots between them, without blanks, control characters and wildcards.
// How long it is is not looked at.
bool MakesNatsSubject(absl::string_view text);

}  // namespace weir

#endif  // WEIR_HOST_NATS_NATS_SUBJECT_H_
