#ifndef WEIR_HOST_RPC_BIND_CHECK_H_
#define WEIR_HOST_RPC_BIND_CHECK_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace weir {

// Whether an address can be listened on, asked before gRPC is: it only says
// that it could not, and not why.
//
// Returns AlreadyExists if somebody listens there, FailedPrecondition with the
// system's own word otherwise, InvalidArgument for a `host_port` that names no
// address. Each message names the address and the cure.
absl::Status CheckTcpAddress(absl::string_view host_port);

// The same for a Unix socket. Removes a stale one: a socket that nobody
// answers. Never removes what is no socket.
absl::Status PrepareUnixSocket(const std::string& path);

// Gives the socket at `path` its mode, and its group unless that is empty.
absl::Status SetSocketAccess(const std::string& path, uint32_t mode,
                             const std::string& group);

}  // namespace weir

#endif  // WEIR_HOST_RPC_BIND_CHECK_H_
