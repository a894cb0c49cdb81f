#ifndef WEIR_TESTS_SUPPORT_RAW_TCP_H_
#define WEIR_TESTS_SUPPORT_RAW_TCP_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace weir {

// Waits until `condition` holds; false if it does not within 30 s.
template <typename Condition>
bool Eventually(const Condition& condition) {
  const absl::Time end = absl::Now() + absl::Seconds(30);
  while (!condition()) {
    if (absl::Now() > end) return false;
    absl::SleepFor(absl::Milliseconds(1));
  }
  return true;
}

// An address of this machine that no other process of the tests is likely to
// use, so that a port that this one lets go of is not another's in a moment.
inline const std::string& LoopbackHost() {
  static const std::string host = [] {
    std::random_device random;
    const auto part = [&] { return 1 + random() % 253; };
    return absl::StrCat("127.", part(), ".", part(), ".", part());
  }();
  return host;
}

// One end of a TCP connection that blocks, for tests that say each byte
// themselves. Nothing waits for longer than 30 s. Movable; not thread-safe.
class RawTcp {
 public:
  explicit RawTcp(int fd) : fd_(fd) {
    const timeval patience = {30, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  }
  // Connects to "127.0.0.1:5031"; not open if that fails.
  explicit RawTcp(absl::string_view address)
      : RawTcp(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const size_t colon = address.rfind(':');
    const std::string host(address.substr(0, colon));
    int port = 0;
    sockaddr_in name = {};
    if (!absl::SimpleAtoi(address.substr(colon + 1), &port) ||
        inet_pton(AF_INET, host.c_str(), &name.sin_addr) != 1) {
      std::abort();
    }
    name.sin_family = AF_INET;
    name.sin_port = htons(static_cast<uint16_t>(port));
    if (connect(fd_, reinterpret_cast<sockaddr*>(&name), sizeof(name)) != 0) {
      Close();
    }
  }
  RawTcp(RawTcp&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  RawTcp& operator=(RawTcp&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~RawTcp() { Close(); }

  bool open() const { return fd_ >= 0; }
  int fd() const { return fd_; }

  // Returns whether all of it was sent.
  bool Send(absl::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }

  // Returns so many bytes, fewer if the end or an error came first.
  std::string Read(size_t bytes) {
    std::string read(bytes, '\0');
    size_t have = 0;
    while (have < bytes) {
      const ssize_t got = recv(fd_, read.data() + have, bytes - have, 0);
      if (got <= 0) break;
      have += static_cast<size_t>(got);
    }
    read.resize(have);
    return read;
  }

  // Returns whether the other end closed, or reset, and nothing came before.
  bool AwaitEnd() {
    char byte;
    const ssize_t got = recv(fd_, &byte, 1, 0);
    return got == 0 || (got < 0 && errno != EAGAIN);
  }

  void EndSending() { shutdown(fd_, SHUT_WR); }

  // Closes with a reset.
  void Reset() {
    const linger at_once = {1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    Close();
  }
  void Close() {
    if (fd_ >= 0) close(std::exchange(fd_, -1));
  }

 private:
  int fd_;
};

// Listens on LoopbackHost and hands over the connections. Not thread-safe.
class RawTcpServer {
 public:
  // On a free port, or on one that was.
  explicit RawTcpServer(uint16_t port = 0)
      : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const int on = 1;
    setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    sockaddr_in name = {};
    name.sin_family = AF_INET;
    name.sin_port = htons(port);
    inet_pton(AF_INET, LoopbackHost().c_str(), &name.sin_addr);
    socklen_t size = sizeof(name);
    if (bind(fd_, reinterpret_cast<sockaddr*>(&name), size) != 0 ||
        listen(fd_, 16) != 0 ||
        getsockname(fd_, reinterpret_cast<sockaddr*>(&name), &size) != 0) {
      std::abort();
    }
    port_ = ntohs(name.sin_port);
  }
  RawTcpServer(const RawTcpServer&) = delete;
  RawTcpServer& operator=(const RawTcpServer&) = delete;
  ~RawTcpServer() { close(fd_); }

  // Waits for a connection; one that is not open if none came within 30 s.
  RawTcp Accept() {
    pollfd wait = {fd_, POLLIN, 0};
    if (poll(&wait, 1, 30000) != 1) return RawTcp(-1);
    return RawTcp(accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC));
  }

  uint16_t port() const { return port_; }
  std::string address() const {
    return absl::StrCat(LoopbackHost(), ":", port_);
  }

 private:
  const int fd_;
  uint16_t port_ = 0;
};

}  // namespace weir

#endif  // WEIR_TESTS_SUPPORT_RAW_TCP_H_
