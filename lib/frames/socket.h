#ifndef WEIR_LIB_FRAMES_SOCKET_H_
#define WEIR_LIB_FRAMES_SOCKET_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

struct addrinfo;

namespace weir::frames {

// Owns a file descriptor. Movable; not thread-safe.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    if (this != &other) {
      Close();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~Socket() { Close(); }

  void Close();
  int fd() const { return fd_; }
  bool open() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// All below make sockets that do not block and are closed in child processes;
// connections send small frames at once (TCP_NODELAY) and look after 15 s of
// silence whether the peer's machine is still there.
//
// An address is "host:port"; IPv6 in brackets, "[::1]:5031". To listen, no
// host, ":5031", is all of the machine's addresses, and port 0 is one that is
// free.

// Listens; without a host on IPv6's "all addresses", which takes IPv4 in, too,
// or on IPv4's where there is no IPv6. Returns InvalidArgument for what is no
// address, PermissionDenied for a port that is not ours to take, Unavailable
// for one that is taken, or for an address that this machine does not have;
// each with the address.
absl::StatusOr<Socket> ListenOn(const std::string& address);

// Connects, and waits at most `timeout` for it; the addresses of the name are
// tried one after the other, and each has an equal share of the time that is
// left, so that one that does not answer leaves some for the next. `wake` is a
// descriptor, or -1: once it can be read the attempt ends, with Cancelled.
// Looking up a name takes what time it takes.
//
// Returns InvalidArgument for what is no address, Unavailable if nobody
// answers, with the reason.
absl::StatusOr<Socket> Dial(const std::string& address, absl::Duration timeout,
                            int wake);

// As Dial, to the first of `addresses` that answers. `name` is for errors.
absl::StatusOr<Socket> DialOneOf(const std::string& name,
                                 const addrinfo* addresses,
                                 absl::Duration timeout, int wake);

// What accept4 needs to be told of a connection.
void SetConnectionOptions(int fd);

// "127.0.0.1:5031", "[::1]:5031"; "unknown" if the socket is no more.
std::string LocalAddress(int fd);
std::string PeerAddress(int fd);

// What poll and epoll_wait take: milliseconds, rounded up, from 0 to an hour.
int PollTimeout(absl::Duration timeout);

// "Connection refused", thread-safe.
std::string ErrorText(int error);

}  // namespace weir::frames

#endif  // WEIR_LIB_FRAMES_SOCKET_H_
