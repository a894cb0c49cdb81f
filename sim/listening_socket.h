#ifndef WEIR_SIM_LISTENING_SOCKET_H_
#define WEIR_SIM_LISTENING_SOCKET_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace weir::sim {

// A TCP socket that listens. The caller closes `descriptor`.
struct ListeningSocket {
  // Listens at `address`, IPv4 or IPv6, and `port`, 0 for any that is free.
  // Returns InvalidArgument if `address` is none, and another error, naming
  // both, if the port is in use or may not be used.
  static absl::StatusOr<ListeningSocket> Open(const std::string& address,
                                              uint16_t port);

  int descriptor = -1;
  uint16_t port = 0;  // The real one.
};

}  // namespace weir::sim

#endif  // WEIR_SIM_LISTENING_SOCKET_H_
