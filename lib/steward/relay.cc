#include "lib/steward/relay.h"

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/steward/profile.h"
#include "lib/steward/subject.h"

namespace weir::steward {
namespace {

// The originals send this to themselves before REQRelay.
constexpr absl::string_view kRelayInitialMethod = "REQRelayInitial";

std::string AddresseeOf(absl::string_view receiver, absl::string_view via) {
  return absl::StrCat(receiver, ".", via);
}

// No node makes these in a relay, and anybody can: by the one a few bytes would
// be a message to each of a million nodes, by the other a relay once more.
void SendTo(absl::string_view node, Message* message) {
  message->to_node = std::string(node);
  message->to_nodes.reset();
  message->relay_via_node.clear();
}

}  // namespace

std::string RelaySubject(absl::string_view via) {
  return SubjectOf(Profile::kS0, AddresseeOf("*", via), kRelayMethod);
}

bool IsRelaySubject(absl::string_view subject, absl::string_view via) {
  return absl::EndsWith(subject,
                        absl::string_view(RelaySubject(via)).substr(1));
}

void MakeRelay(absl::string_view sender, Message* message) {
  message->relay_from_node = std::string(sender);
  message->relay_to_node = message->to_node;
  message->relay_original_via_node = std::exchange(message->relay_via_node, "");
  message->relay_original_method =
      std::exchange(message->method, std::string(kRelayMethod));
  message->to_node =
      AddresseeOf(message->relay_to_node, message->relay_original_via_node);
  // As the originals have it where there is nothing.
  if (!message->data.has_value()) message->data.emplace(1, "");
}

absl::StatusOr<Message> PassOn(const Message& relay, absl::string_view via) {
  if (relay.relay_to_node.empty() || relay.relay_original_method.empty()) {
    return absl::InvalidArgumentError(
        "a relay says by relayToNode and relayOriginalMethod what goes where; "
        "one of them is empty");
  }
  if (relay.to_node != AddresseeOf(relay.relay_to_node, via)) {
    return absl::InvalidArgumentError(
        absl::StrCat("a relay to node \"", relay.relay_to_node, "\" is for \"",
                     relay.to_node, "\", and not for \"",
                     AddresseeOf(relay.relay_to_node, via), "\""));
  }
  if (relay.relay_original_method == kRelayMethod ||
      relay.relay_original_method == kRelayInitialMethod) {
    return absl::InvalidArgumentError("a relay is not relayed");
  }
  Message message = relay;
  SendTo(relay.relay_to_node, &message);
  message.from_node = std::string(via);
  message.method = relay.relay_original_method;
  return message;
}

bool IsOfRelay(const Message& message, absl::string_view via) {
  return message.previous_message != nullptr &&
         message.previous_message->relay_original_via_node == via;
}

absl::StatusOr<Message> PassBack(const Message& answer, absl::string_view via) {
  const Message& request = *answer.previous_message;
  if (request.relay_from_node.empty() || request.relay_from_node == via) {
    return absl::InvalidArgumentError(
        absl::StrCat("the answer to a relay is for node \"",
                     request.relay_from_node, "\", which is none to relay to"));
  }
  Message copy = answer;
  SendTo(request.relay_from_node, &copy);
  copy.from_node = std::string(via);
  if (!request.relay_reply_method.empty()) {
    copy.method = request.relay_reply_method;
  } else if (!request.reply_method.empty()) {
    copy.method = request.reply_method;
  }
  if (copy.method == kRelayMethod || copy.method == kRelayInitialMethod) {
    return absl::InvalidArgumentError("a relay is not relayed");
  }
  auto previous = std::make_shared<Message>(request);
  previous->relay_via_node.clear();
  previous->relay_original_via_node.clear();
  copy.previous_message = std::move(previous);
  return copy;
}

}  // namespace weir::steward
