#ifndef WEIR_HOST_SOURCE_STEWARD_RELAY_H_
#define WEIR_HOST_SOURCE_STEWARD_RELAY_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "host/control/steward_outbox.h"
#include "lib/steward/message.h"

namespace weir {

// A node of S0 as the one in the middle (lib/steward/relay.h): what came to it
// as REQRelay goes on to its receiver, and of the answer to that, which comes
// back here, a copy goes to where the relay began. Both by the node's own
// outbox, so that neither is lost with the host.
//
// Thread-safe.
class StewardRelay {
 public:
  // Told once whether what was sent on is on the disk; from any thread, where
  // it must not block.
  using Kept = std::function<void(const absl::Status&)>;

  // `outbox` must outlive it.
  explicit StewardRelay(StewardOutbox& outbox) : outbox_(outbox) {}

  // Whether it is for another node, and not for handlers.
  static bool IsToPassOn(const steward::Message& message);

  // OK: it is on its way, and `kept` is called. Else it is not, and the error
  // is of lib/steward/refusal.h: InvalidArgument, "bad_relay", for what no node
  // makes, or another error of StewardOutbox::Post, "relay_failed".
  absl::Status PassOn(const steward::Message& message, Kept kept);

  // The same for the copy of an answer; OK for what is no answer to a relay.
  // Whether the copy is on the disk is told to nobody: it comes again with the
  // answer if it was refused, and else an outbox that fails says so itself.
  absl::Status PassBack(const steward::Message& message);

  // "relayed" and "relayed_back": what was taken of either. Those that are not
  // 0.
  std::map<std::string, uint64_t> counters() const;

 private:
  absl::Status Post(steward::Message message, Kept kept);

  StewardOutbox& outbox_;
  std::atomic<uint64_t> relayed_{0};
  std::atomic<uint64_t> relayed_back_{0};
};

}  // namespace weir

#endif  // WEIR_HOST_SOURCE_STEWARD_RELAY_H_
