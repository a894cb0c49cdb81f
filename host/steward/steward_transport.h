#ifndef WEIR_HOST_STEWARD_STEWARD_TRANSPORT_H_
#define WEIR_HOST_STEWARD_STEWARD_TRANSPORT_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/steward/payload.h"

namespace weir {

// What the sender needs of the network. One thread calls it.
//
// Each returns Unavailable if there is no connection, or not any more, and any
// other error if the network would never take that one.
class StewardTransport {
 public:
  virtual ~StewardTransport() = default;

  // Where the answers to that message are to come to.
  virtual absl::StatusOr<std::string> ReplySubject(const std::string& subject,
                                                   uint64_t number) = 0;
  // OK if it is on its way.
  virtual absl::Status Publish(const std::string& subject,
                               const std::string& reply,
                               const steward::Payload& payload) = 0;
  // Waits, not for long, until the server has all that was published.
  virtual absl::Status Flush() = 0;
  // Whether the server does not permit to publish there, by what it said on
  // this connection; of what was published before the last Flush, it has.
  virtual bool Refused(const std::string& subject) = 0;
  // Of a payload with its headers.
  virtual size_t max_payload() const = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_STEWARD_STEWARD_TRANSPORT_H_
