#ifndef WEIR_LIB_STEWARD_SUBJECT_H_
#define WEIR_LIB_STEWARD_SUBJECT_H_

#include <string>

#include "absl/strings/string_view.h"
#include "lib/steward/layout.h"
#include "lib/steward/message.h"
#include "lib/steward/profile.h"

namespace weir::steward {

// The NATS subject that a message of `method` for `node` is published to:
// "central.REQHello.EventNACK" in S0 and S1, whose kind goes by the method, and
// "central.hello" in ctrl. Names of nodes may have dots, and methods of
// sub-processes have one, so a subject is compared and never split.
std::string SubjectOf(Profile profile, absl::string_view node,
                      absl::string_view method);

// Whether that is where a message of `layout` belongs, which a release with
// that layout wrote to it. Of S0 and S1 any of the kinds will do: releases
// between them moved methods from one to another.
bool BelongsTo(absl::string_view subject, const Message& message,
               Layout layout);

// Whether the sender waits for an acknowledgement: in S0 if the kind of the
// method says so, from S1 on if the message names a time to wait.
bool WantsAcknowledgement(const Message& message, Layout layout);

// What an acknowledgement says: in S0 "confirmed from: central: 3", from S1 on
// nothing.
std::string Acknowledgement(const Message& message, Layout layout,
                            absl::string_view node);

}  // namespace weir::steward

#endif  // WEIR_LIB_STEWARD_SUBJECT_H_
