#ifndef WEIR_LIB_STEWARD_MESSAGE_H_
#define WEIR_LIB_STEWARD_MESSAGE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace weir::steward {

// A message between two nodes of a steward or ctrl network: the union of the
// fields of all layouts. What a layout does not have is lost when it is encoded
// so, and empty when it is decoded from it. A value; a copy shares
// `previous_message`, which nobody changes.
//
// Absent and empty differ on the wire, and a list or bytes that were decoded as
// absent are encoded as absent again; the peers treat both alike.
struct Message {
  using Texts = std::vector<std::string>;

  std::string to_node;
  std::optional<Texts> to_nodes;
  std::string jetstream_to_node;
  // The sender's count, from 0 or 1 at its every start: not unique.
  int64_t id = 0;
  // The payload. S0 carries any number of UTF-8 texts; all others one string of
  // bytes, as which several texts are encoded one behind the other.
  std::optional<Texts> data;
  // What is to be done with it: `hello`, and in S0 and S1 `REQHello`.
  std::string method;
  std::optional<Texts> method_args;
  // The sender's ed25519 signature (64 bytes) of the arguments, joined by a
  // blank. Nothing else of the message is signed.
  std::optional<std::string> arg_signature;
  std::string reply_method;
  std::optional<Texts> reply_method_args;
  bool is_reply = false;
  std::string from_node;
  // Seconds. From S1 on, 0 asks for no acknowledgement.
  int64_t ack_timeout = 0;
  int64_t retry_wait = 0;
  bool is_sub_published_msg = false;
  int64_t retries = 0;
  int64_t reply_ack_timeout = 0;
  int64_t reply_retries = 0;
  // Seconds; -1 for none.
  int64_t method_timeout = 0;
  int64_t reply_method_timeout = 0;
  std::string directory;
  std::string file_name;
  // The request that this answers, without its data.
  std::shared_ptr<const Message> previous_message;

  // S0 alone.
  std::string relay_via_node;
  std::string relay_original_via_node;
  std::string relay_from_node;
  std::string relay_to_node;
  std::string relay_original_method;
  std::string relay_reply_method;

  // Seconds: how often, and for how long altogether.
  std::optional<std::vector<int64_t>> schedule;
  bool use_detected_shell = false;
  std::optional<Texts> method_instructions;
  std::optional<Texts> reply_method_instructions;
};

// Equal if they are encoded alike, the messages behind `previous_message` too.
bool operator==(const Message& a, const Message& b);
inline bool operator!=(const Message& a, const Message& b) { return !(a == b); }

// How many bytes of texts and lists each copy of `message` has, if there is one
// for each of several nodes: of all but whom it is for and from, and of the
// whole of the messages behind `previous_message`.
size_t ContentSize(const Message& message);

}  // namespace weir::steward

#endif  // WEIR_LIB_STEWARD_MESSAGE_H_
