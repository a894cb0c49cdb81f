#ifndef WEIR_HOST_PLUGIN_CHILD_LENDING_H_
#define WEIR_HOST_PLUGIN_CHILD_LENDING_H_

#include <cstddef>

#include "absl/types/span.h"
#include "host/pipeline/message.h"
#include "host/pipeline/shared_arena.h"
#include "host/plugin/child_channel.h"

namespace weir {

// Tells a child where the first of `messages` lie, at most `most` of them and
// ChildChannel::kMaxRun, and sets the words of the commit protocol back. Those
// that do not lie in `arena`, which may be null, are copied into the channel.
// Returns how many there are now; 0: the first one is larger than all the room
// that a channel has.
size_t LendMessages(absl::Span<const Message* const> messages, size_t most,
                    const SharedArena* arena, ChildChannel& channel);

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_CHILD_LENDING_H_
