#ifndef WEIR_HOST_CONTROL_STEWARD_OUTBOX_H_
#define WEIR_HOST_CONTROL_STEWARD_OUTBOX_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "lib/steward/message.h"
#include "lib/steward/profile.h"

namespace weir {

// What a node of a steward or ctrl network sends: a log on disk from which each
// message goes out, those of one subject in the order in which they came, until
// its receiver has acknowledged it or it was sent as often as it may be. Then
// it is an event, "weir.steward.given_up", and kept with its reason: whoever
// handed it in is not told. Messages that ask for no acknowledgement are done
// with when the server has them.
//
// The outbox fills in what is the sender's: `from_node` is node() whatever it
// was, `id` counts on over restarts, `arg_signature` is the signature of the
// arguments if there is a key, and what was left out gets the default of the
// profile (B3 of the originals: S0 waits 10 s if `ack_timeout` is 0; from S1 on
// 0 asks for no acknowledgement, and `retries` below 0 is 1; `method_timeout`
// is 10 s unless it is -1). A message with `to_nodes` becomes one for each of
// them and none for `to_node`. All else goes out as it is.
//
// Thread-safe. Outlives all who send.
class StewardOutbox {
 public:
  using Done = std::function<void(const absl::Status&)>;

  virtual ~StewardOutbox() = default;

  virtual const std::string& node() const = 0;
  virtual steward::Profile profile() const = 0;
  // The ed25519 key by which others check the signatures, 32 bytes, as `hello`
  // says it; empty without a signing key.
  virtual const std::string& public_key() const = 0;

  // Takes `messages`, all or none, in this order; calls `done`, which may be
  // empty, once they are on disk, from a thread of the outbox, where it must
  // not block, or before it returns if they are refused. Never blocks for the
  // disk or for the network.
  //
  // Gives, of the first message that is wrong, InvalidArgument with its index,
  // the field and the cure: no addressee or method, or one that makes no
  // subject; a schedule that is none; a field with a value that the profile
  // cannot carry. ResourceExhausted if it is longer than the server takes, or
  // if all that waits would be more than `max_bytes`; FailedPrecondition if
  // the log cannot be written, with the reason (what was taken before is kept);
  // Unavailable once the host stops.
  virtual void Post(std::vector<steward::Message> messages, Done done) = 0;

  // The same, and waits: OK means that they are on disk. Not on a thread that
  // must not block.
  virtual absl::Status Send(std::vector<steward::Message> messages) = 0;

  // Sends a message that is worth nothing later, like `hello`: now, and not
  // again, and without the disk. Drops it, which is counted, if there is no
  // connection or others of its subject wait.
  virtual void SendNow(steward::Message message) = 0;

  // Sends `text` as an errorLog of this node to the node that is configured to
  // get them; does nothing if there is none. Give-ups are told so by the outbox
  // itself, those of errorLogs excepted.
  virtual void ReportError(absl::string_view text) = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_CONTROL_STEWARD_OUTBOX_H_
