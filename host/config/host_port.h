#ifndef WEIR_HOST_CONFIG_HOST_PORT_H_
#define WEIR_HOST_CONFIG_HOST_PORT_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace weir {

// "host:port" in its parts.
//
// Immutable once made.
struct HostPort {
  // A name or an address; of IPv6, without brackets.
  std::string host;
  uint16_t port = 0;

  // Whether it is an address of this machine's loopback, or "localhost". Other
  // names are not looked up, and so are not.
  bool is_loopback() const;
};

// Reads "host:port" or "[IPv6]:port".
//
// Returns InvalidArgument if a part is missing, the port is no number up to
// 65535, or the host is neither a name nor an address.
absl::StatusOr<HostPort> ParseHostPort(absl::string_view text);

// Returns OK if `url` is an absolute http:// or https:// URL that names a host.
// Else InvalidArgument, with the reason.
absl::Status CheckHttpUrl(absl::string_view url);

}  // namespace weir

#endif  // WEIR_HOST_CONFIG_HOST_PORT_H_
