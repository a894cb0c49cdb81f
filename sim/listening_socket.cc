#include "sim/listening_socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace weir::sim {
namespace {

// Room for either family; both have the port at the same place.
union Address {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
};

}  // namespace

absl::StatusOr<ListeningSocket> ListeningSocket::Open(
    const std::string& address, uint16_t port) {
  Address bound = {};
  socklen_t size = sizeof(bound.v4);
  if (inet_pton(AF_INET, address.c_str(), &bound.v4.sin_addr) == 1) {
    bound.v4.sin_family = AF_INET;
    bound.v4.sin_port = htons(port);
  } else if (inet_pton(AF_INET6, address.c_str(), &bound.v6.sin6_addr) == 1) {
    bound.v6.sin6_family = AF_INET6;
    bound.v6.sin6_port = htons(port);
    size = sizeof(bound.v6);
  } else {
    return absl::InvalidArgumentError(absl::StrCat(
        "'", address, "' is no IP address to listen at, such as 127.0.0.1"));
  }
  const int descriptor =
      socket(bound.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (bind(descriptor, &bound.any, size) != 0 ||
      listen(descriptor, SOMAXCONN) != 0 ||
      getsockname(descriptor, &bound.any, &size) != 0) {
    const absl::Status status = absl::ErrnoToStatus(
        errno, absl::StrCat("listening at ", address, ", port ", port,
                            "; --port 0 takes any that is free"));
    close(descriptor);
    return status;
  }
  return ListeningSocket{
      descriptor, ntohs(bound.any.sa_family == AF_INET ? bound.v4.sin_port
                                                       : bound.v6.sin6_port)};
}

}  // namespace weir::sim
