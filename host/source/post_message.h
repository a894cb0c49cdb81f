#ifndef WEIR_HOST_SOURCE_POST_MESSAGE_H_
#define WEIR_HOST_SOURCE_POST_MESSAGE_H_

#include <functional>

#include "absl/status/status.h"
#include "host/control/steward_outbox.h"
#include "lib/steward/message.h"

namespace weir {

// Hands `message` to `outbox`, which says by one call that it refuses, before
// it returns, and that a message is on the disk, at any time; here the one is
// the result and the other the call.
//
// OK: it is taken, and `kept` is called once, maybe before this returns, from
// any thread, where it must not block. Else `kept` is not called, and the error
// is that of StewardOutbox::Post.
absl::Status PostMessage(StewardOutbox& outbox, steward::Message message,
                         std::function<void(const absl::Status&)> kept);

}  // namespace weir

#endif  // WEIR_HOST_SOURCE_POST_MESSAGE_H_
