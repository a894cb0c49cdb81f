#ifndef WEIR_TESTS_SUPPORT_HTTP_TEST_SERVER_H_
#define WEIR_TESTS_SUPPORT_HTTP_TEST_SERVER_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "host/sync/mutex.h"

namespace weir {

// What the server does with one request: sends these bytes, exactly as they
// are, and then closes, or stays silent until the client closes.
struct HttpReply {
  std::vector<std::string> pieces;  // Each is a write of its own.
  bool stall = false;
};

// An answer of 200 whose body is these chunks. It ends only if `complete`.
inline HttpReply ChunkedReply(const std::vector<std::string>& chunks,
                              bool complete = true,
                              absl::string_view header = "") {
  HttpReply reply;
  reply.pieces.push_back(absl::StrCat(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n", header, "\r\n"));
  for (const std::string& chunk : chunks) {
    reply.pieces.push_back(
        absl::StrFormat("%x\r\n%s\r\n", chunk.size(), chunk));
  }
  if (complete) reply.pieces.push_back("0\r\n\r\n");
  return reply;
}

// An answer without a body, such as "503 Service Unavailable".
inline HttpReply StatusReply(absl::string_view status,
                             absl::string_view header = "") {
  return {.pieces = {absl::StrCat("HTTP/1.1 ", status, "\r\n", header,
                                  "Content-Length: 0\r\n\r\n")}};
}

// A web server on 127.0.0.1 and a free port that gives to its clients, one
// after the other, what a script says, and keeps what they asked for. After the
// script it repeats the last reply. Thread-safe.
class HttpTestServer {
 public:
  explicit HttpTestServer(std::vector<HttpReply> script)
      : script_(std::move(script)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    // A port of 0 is always free; what else may fail, the test sees as a
    // refusal.
    (void)bind(listener_, reinterpret_cast<sockaddr*>(&address), length);
    (void)listen(listener_, 8);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }

  ~HttpTestServer() {
    stopping_ = true;
    thread_.join();
    close(listener_);
  }

  HttpTestServer(const HttpTestServer&) = delete;
  HttpTestServer& operator=(const HttpTestServer&) = delete;

  std::string host() const { return absl::StrCat("127.0.0.1:", port_); }
  std::string url() const {
    return absl::StrCat("http://", host(), "/stream/");
  }

  // The head of each request so far.
  std::vector<std::string> requests() const ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    return requests_;
  }

 private:
  // Whether `fd` becomes readable before the server is to stop.
  bool AwaitReadable(int fd) const {
    pollfd wanted = {.fd = fd, .events = POLLIN, .revents = 0};
    while (!stopping_) {
      if (poll(&wanted, 1, /*timeout=*/20) > 0) return true;
    }
    return false;
  }

  void Serve() ABSL_LOCKS_EXCLUDED(mu_) {
    for (size_t next = 0; AwaitReadable(listener_); ++next) {
      const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (client < 0) continue;
      Answer(client, script_[std::min(next, script_.size() - 1)]);
      close(client);
    }
  }

  void Answer(int client, const HttpReply& reply) ABSL_LOCKS_EXCLUDED(mu_) {
    std::string head;
    char buffer[4096];
    while (head.find("\r\n\r\n") == std::string::npos) {
      if (!AwaitReadable(client)) return;
      const ssize_t got = recv(client, buffer, sizeof(buffer), 0);
      // A TLS hello has no end that we would know.
      if (got <= 0 || buffer[0] == 0x16) return;
      head.append(buffer, static_cast<size_t>(got));
    }
    {
      MutexLock lock(&mu_);
      requests_.push_back(head);
    }
    for (const std::string& piece : reply.pieces) {
      size_t sent = 0;
      while (sent < piece.size()) {
        const ssize_t put = send(client, piece.data() + sent,
                                 piece.size() - sent, MSG_NOSIGNAL);
        if (put <= 0) return;
        sent += static_cast<size_t>(put);
      }
    }
    if (reply.stall) AwaitReadable(client);
  }

  const std::vector<HttpReply> script_;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  mutable Mutex mu_;
  std::vector<std::string> requests_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
};

}  // namespace weir

#endif  // WEIR_TESTS_SUPPORT_HTTP_TEST_SERVER_H_
