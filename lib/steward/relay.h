#ifndef WEIR_LIB_STEWARD_RELAY_H_
#define WEIR_LIB_STEWARD_RELAY_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/steward/message.h"

namespace weir::steward {

// How a message of S0 goes from one node to another by a third, the via, when
// the two share no server or may not publish to each other:
//
//   node1 -> "node3.via1", REQRelay     what node1 sends (MakeRelay)
//   via1  -> node3, the method          what via1 makes of it (PassOn)
//   node3 -> via1, the reply method     an answer as any, to whom it came from
//   via1  -> node1, the relay's reply   and via1's copy of it (PassBack)
//
// The fields of the relay go along all the way, so no node has to remember it.

inline constexpr absl::string_view kRelayMethod = "REQRelay";

// The subject by which `via` hears what it is to relay. `*` is the receiver,
// one word: a node with a dot in its name is relayed to by nobody.
std::string RelaySubject(absl::string_view via);
// Whether `subject` is one of those.
bool IsRelaySubject(absl::string_view subject, absl::string_view via);

// Makes `message`, which names `relay_via_node`, what that node relays. Its
// data stay in it; the originals lose them on the way.
void MakeRelay(absl::string_view sender, Message* message);

// What `via` sends to the receiver of `relay`, and to nobody else that it may
// name: the original method, from `via`.
//
// Returns InvalidArgument, with what is wrong, for what no node makes: another
// addressee than "RECEIVER.VIA", no receiver or method, or a relay of a relay,
// which would go round for ever.
absl::StatusOr<Message> PassOn(const Message& relay, absl::string_view via);

// Whether `message` answers what `via` has passed on, so that its origin is to
// have a copy.
bool IsOfRelay(const Message& message, absl::string_view via);

// That copy: to the node that the relay began at, as the method that it wanted
// for that, or if it named none, as the reply method of the message. It is not
// of a relay any more.
//
// Returns InvalidArgument if the relay does not say where it began, or began
// here.
absl::StatusOr<Message> PassBack(const Message& answer, absl::string_view via);

}  // namespace weir::steward

#endif  // WEIR_LIB_STEWARD_RELAY_H_
