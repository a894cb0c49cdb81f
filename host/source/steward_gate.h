#ifndef WEIR_HOST_SOURCE_STEWARD_GATE_H_
#define WEIR_HOST_SOURCE_STEWARD_GATE_H_

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "host/source/steward_processes.h"
#include "lib/steward/message.h"
#include "lib/steward/message_codec.h"
#include "lib/steward/payload.h"
#include "lib/steward/signature.h"

namespace weir {

// Decides what of the messages that came to a node it takes. Not thread-safe.
class StewardGate {
 public:
  // What is packed may not be longer than `max_bytes`, unpacked.
  StewardGate(std::shared_ptr<const StewardProcesses> processes,
              size_t max_bytes)
      : processes_(std::move(processes)), max_bytes_(max_bytes) {}

  // The senders' keys, by which signatures are checked. None at first.
  void SetKeys(steward::PublicKeys keys) { keys_ = std::move(keys); }

  struct Admitted {
    StewardProcesses::Found process;  // Which takes it.
    steward::DecodedMessage decoded;
    // The message out of its compression: valid until the next call, and as
    // long as `bytes`.
    absl::string_view unpacked;
  };

  // Looks at one message: what it is, and whether its subject, its process, its
  // sender and its signature are as they must be, in this order. A process that
  // there is not any more is one that has ended.
  //
  // Returns an error with a reason of lib/steward/refusal.h, whose text says
  // who sent what: InvalidArgument, ResourceExhausted or Unimplemented for what
  // is no message, PermissionDenied for one that is not to be had.
  absl::StatusOr<Admitted> Admit(absl::string_view subject,
                                 const steward::PayloadHeaders& headers,
                                 absl::string_view bytes);

 private:
  absl::StatusOr<StewardProcesses::Found> FindProcess(
      absl::string_view subject, const steward::Message& message) const;

  const std::shared_ptr<const StewardProcesses> processes_;
  const size_t max_bytes_;
  steward::PublicKeys keys_;
  std::string unpacked_;
};

}  // namespace weir

#endif  // WEIR_HOST_SOURCE_STEWARD_GATE_H_
