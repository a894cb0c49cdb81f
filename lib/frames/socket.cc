#include "lib/frames/socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>
#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace weir::frames {
namespace {

// Connections that wait for accept4; the kernel may hold fewer.
constexpr int kBacklog = 4096;
constexpr int kKeepAliveSeconds = 15;

struct AddressListDeleter {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};
using AddressList = std::unique_ptr<addrinfo, AddressListDeleter>;

absl::StatusOr<AddressList> LookUp(const std::string& address, int flags) {
  const size_t colon = address.rfind(':');
  int port = -1;
  if (colon == std::string::npos ||
      !absl::SimpleAtoi(address.substr(colon + 1), &port) || port < 0 ||
      port > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", address,
                     "\": is no address; write host:port, as in "
                     "\"127.0.0.1:5031\""));
  }
  std::string host = address.substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", address,
                     "\": write an IPv6 address in brackets, \"[::1]:5031\""));
  }
  addrinfo hints = {};
  hints.ai_flags = flags | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.empty() ? nullptr : host.c_str(),
                                std::to_string(port).c_str(), &hints, &found);
  if (error != 0) {
    return absl::UnavailableError(
        absl::StrCat("\"", address, "\": ", gai_strerror(error)));
  }
  return AddressList(found);
}

// What `name` of the socket, getsockname or getpeername, says.
std::string AddressOf(int fd, int (*name)(int, sockaddr*, socklen_t*)) {
  sockaddr_storage storage = {};
  socklen_t length = sizeof(storage);
  char host[NI_MAXHOST], port[NI_MAXSERV];
  if (name(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0 ||
      getnameinfo(reinterpret_cast<const sockaddr*>(&storage), length, host,
                  sizeof(host), port, sizeof(port),
                  NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return "unknown";
  }
  return storage.ss_family == AF_INET6 ? absl::StrCat("[", host, "]:", port)
                                       : absl::StrCat(host, ":", port);
}

// Waits until the connection stands. Returns 0, or what was in its way.
absl::StatusOr<int> AwaitConnection(
    int fd, int wake, std::chrono::steady_clock::time_point until) {
  while (true) {
    const absl::Duration left =
        absl::FromChrono(until - std::chrono::steady_clock::now());
    if (left <= absl::ZeroDuration()) return ETIMEDOUT;
    pollfd waits[] = {{fd, POLLOUT, 0}, {wake, POLLIN, 0}};
    if (poll(waits, 2, PollTimeout(left)) < 0 && errno != EINTR) return errno;
    if ((waits[1].revents & POLLIN) != 0) {
      return absl::CancelledError("the attempt to connect was ended");
    }
    if (waits[0].revents != 0) {
      int error = 0;
      socklen_t size = sizeof(error);
      getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
      return error;
    }
  }
}

// Listens on one address of those that `name` is. Sets `error` to what was in
// its way.
absl::StatusOr<Socket> ListenAt(const std::string& name, const addrinfo& at,
                                int* error) {
  const auto failed = [&](const char* what) {
    *error = errno;
    return absl::Status(
        *error == EACCES ? absl::StatusCode::kPermissionDenied
                         : absl::StatusCode::kUnavailable,
        absl::StrCat("\"", name, "\": cannot ", what, ": ", ErrorText(*error)));
  };
  Socket socket(
      ::socket(at.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.open()) return failed("make a socket");
  const int on = 1;
  setsockopt(socket.fd(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (bind(socket.fd(), at.ai_addr, at.ai_addrlen) != 0) {
    return failed("take it");
  }
  if (listen(socket.fd(), kBacklog) != 0) return failed("listen");
  return socket;
}

}  // namespace

void Socket::Close() {
  if (fd_ >= 0) close(std::exchange(fd_, -1));
}

absl::StatusOr<Socket> ListenOn(const std::string& address) {
  absl::StatusOr<AddressList> found = LookUp(address, AI_PASSIVE);
  if (!found.ok()) return found.status();
  absl::StatusOr<Socket> socket =
      absl::UnavailableError(absl::StrCat("\"", address, "\": no address"));
  // No host: IPv6 first. The machine may know its addresses and not speak it.
  if (address.front() == ':') {
    for (const int family : {AF_INET6, AF_INET}) {
      for (const addrinfo* at = found->get(); at != nullptr; at = at->ai_next) {
        if (at->ai_family != family) continue;
        int error = 0;
        socket = ListenAt(address, *at, &error);
        if (error != EAFNOSUPPORT && error != EADDRNOTAVAIL) return socket;
      }
    }
    return socket;
  }
  int error = 0;
  return ListenAt(address, **found, &error);
}

absl::StatusOr<Socket> Dial(const std::string& address, absl::Duration timeout,
                            int wake) {
  absl::StatusOr<AddressList> found = LookUp(address, 0);
  if (!found.ok()) return found.status();
  return DialOneOf(address, found->get(), timeout, wake);
}

absl::StatusOr<Socket> DialOneOf(const std::string& name,
                                 const addrinfo* addresses,
                                 absl::Duration timeout, int wake) {
  int left = 0;
  for (const addrinfo* at = addresses; at != nullptr; at = at->ai_next) ++left;
  const auto end =
      std::chrono::steady_clock::now() +
      absl::ToChronoMilliseconds(std::min(timeout, absl::Hours(24)));
  int error = EADDRNOTAVAIL;
  for (const addrinfo* at = addresses; at != nullptr; at = at->ai_next) {
    const auto now = std::chrono::steady_clock::now();
    const auto until = now + (end - now) / left--;
    Socket socket(
        ::socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket.open()) {
      error = errno;
      continue;
    }
    error = 0;
    if (connect(socket.fd(), at->ai_addr, at->ai_addrlen) != 0) {
      error = errno;
      if (error == EINPROGRESS) {
        const absl::StatusOr<int> result =
            AwaitConnection(socket.fd(), wake, until);
        if (!result.ok()) return result.status();
        error = *result;
      }
    }
    if (error == 0) {
      SetConnectionOptions(socket.fd());
      return socket;
    }
  }
  return absl::UnavailableError(
      absl::StrCat("\"", name, "\": cannot connect: ", ErrorText(error)));
}

void SetConnectionOptions(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &kKeepAliveSeconds,
             sizeof(kKeepAliveSeconds));
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &kKeepAliveSeconds,
             sizeof(kKeepAliveSeconds));
}

std::string LocalAddress(int fd) { return AddressOf(fd, getsockname); }

std::string PeerAddress(int fd) { return AddressOf(fd, getpeername); }

int PollTimeout(absl::Duration timeout) {
  return static_cast<int>(std::clamp<int64_t>(
      absl::ToInt64Milliseconds(absl::Ceil(timeout, absl::Milliseconds(1))), 0,
      3'600'000));
}

std::string ErrorText(int error) {
  return std::generic_category().message(error);
}

}  // namespace weir::frames
