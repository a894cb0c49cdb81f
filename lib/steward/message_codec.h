#ifndef WEIR_LIB_STEWARD_MESSAGE_CODEC_H_
#define WEIR_LIB_STEWARD_MESSAGE_CODEC_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/steward/layout.h"
#include "lib/steward/message.h"

namespace weir::steward {

// A message and the layout that its sender wrote it in, which is the one to
// answer in.
struct DecodedMessage {
  Message message;
  Layout layout = Layout::kS1;
};

// The CBOR array of `message` as a node of that release writes it, to the byte.
// A field that the layout lacks is left out. A chain of previous messages is
// cut where no peer would read on (31 of them).
std::string EncodeMessage(const Message& message, Layout layout);

// Reads one CBOR array. The layout is told from its length and, where two have
// the same, from the types within: S0's third element is the ID, a number, and
// C3's the JetStream node, a text. Previous messages are of the same layout.
//
// Takes and refuses what the originals take and refuse, apart from a lone null,
// which makes some of them panic and is refused here. Also refused is more than
// CborReader::kMaxElements in all lists, which cost 32 times their bytes.
//
// Returns InvalidArgument with the field, what was found in place of what, and
// at which byte, and of an unknown length the reason Refusal::kLayout; nothing
// in it is worth another try. Cure: the sender's, or, if the length of the
// array is unknown, a newer weir. Memory and time are at most proportional to
// the bytes.
absl::StatusOr<DecodedMessage> DecodeMessage(absl::string_view bytes);

}  // namespace weir::steward

#endif  // WEIR_LIB_STEWARD_MESSAGE_CODEC_H_
