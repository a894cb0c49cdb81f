#ifndef WEIR_HOST_DISPATCH_LET_GO_H_
#define WEIR_HOST_DISPATCH_LET_GO_H_

#include "absl/types/span.h"
#include "host/pipeline/message.h"

namespace weir {

// Ends one hold on the batch of each of `messages`, which a handler is done
// with, in as few steps as there are neighbours of one batch. May run receipts,
// which are somebody else's code: never call it with a lock held. The messages
// may be gone afterwards.
void LetGo(absl::Span<const Message* const> messages);

// The same for messages that the handler turned out not to want.
void LetGoUnwanted(absl::Span<const Message* const> messages);

// The same, and says of each of them that its handler did not get it.
void LetGoLost(absl::Span<const Message* const> messages);

// The same as LetGoLost, for messages that code which can not be stopped may
// still read: the batches are completed, but their memory stays for ever.
void LetGoAbandoned(absl::Span<const Message* const> messages);

}  // namespace weir

#endif  // WEIR_HOST_DISPATCH_LET_GO_H_
