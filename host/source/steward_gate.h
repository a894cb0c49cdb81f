#ifndef WEIR_HOST_SOURCE_STEWARD_GATE_H_
#define WEIR_HOST_SOURCE_STEWARD_GATE_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/steward/message_codec.h"
#include "lib/steward/payload.h"
#include "lib/steward/profile.h"
#include "lib/steward/signature.h"

namespace weir {

// What a node takes of one method.
struct StewardProcess {
  std::string method;
  std::vector<std::string> allowed_senders;  // Empty: all.
  bool require_signature = false;
  // Whether it ends when a handler fails.
  bool stop_on_error = false;
  // Whether a sender is told when all handlers are done, not when it came.
  bool acknowledge_done = false;
};

struct StewardNode {
  std::string name;
  steward::Profile profile = steward::Profile::kS1;  // Of the subjects.
  std::vector<StewardProcess> processes;
  // Take messages that name another node or method than their subject.
  bool any_subject = false;
};

// Decides what of the messages that came to a node it takes. Not thread-safe.
class StewardGate {
 public:
  // What is packed may not be longer than `max_bytes`, unpacked.
  StewardGate(StewardNode node, size_t max_bytes);

  // The senders' keys, by which signatures are checked. None at first.
  void SetKeys(steward::PublicKeys keys) { keys_ = std::move(keys); }

  struct Admitted {
    size_t process = 0;  // Which one takes it.
    steward::DecodedMessage decoded;
    // The message out of its compression: valid until the next call, and as
    // long as `bytes`.
    absl::string_view unpacked;
  };

  // Looks at one message: what it is, and whether its subject, its sender and
  // its signature are as they must be, in this order.
  //
  // Returns an error with a reason of lib/steward/refusal.h, whose text says
  // who sent what: InvalidArgument, ResourceExhausted or Unimplemented for what
  // is no message, PermissionDenied for one that is not to be had.
  absl::StatusOr<Admitted> Admit(absl::string_view subject,
                                 const steward::PayloadHeaders& headers,
                                 absl::string_view bytes);

  const StewardNode& node() const { return node_; }
  // The subject of a process.
  const std::string& subject(size_t process) const {
    return subjects_[process];
  }

 private:
  absl::StatusOr<size_t> FindProcess(absl::string_view subject,
                                     const steward::Message& message) const;

  const StewardNode node_;
  const size_t max_bytes_;
  std::vector<std::string> subjects_;
  steward::PublicKeys keys_;
  std::string unpacked_;
};

}  // namespace weir

#endif  // WEIR_HOST_SOURCE_STEWARD_GATE_H_
