#ifndef WEIR_LIB_CLIENT_CHANNEL_H_
#define WEIR_LIB_CLIENT_CHANNEL_H_

#include <grpcpp/channel.h>

#include <memory>
#include <string>

namespace weir::client {

// Opens a plain-text channel to `address`: "host:port", or "unix:///path" for a
// Unix socket. Connecting happens with the first call.
//
// Each channel has a connection of its own: gRPC would otherwise share one
// between all channels to an address, and a client that drops a connection
// because it is half-open would get the same one back.
std::shared_ptr<grpc::Channel> OpenChannel(const std::string& address);

}  // namespace weir::client

#endif  // WEIR_LIB_CLIENT_CHANNEL_H_
