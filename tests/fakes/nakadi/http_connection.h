#ifndef WEIR_TESTS_FAKES_NAKADI_HTTP_CONNECTION_H_
#define WEIR_TESTS_FAKES_NAKADI_HTTP_CONNECTION_H_

#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "tests/fakes/nakadi/fault.h"
#include "tests/fakes/nakadi/subscription.h"

namespace weir::fake_nakadi {

// One request. `headers` by lower-case name, `query` not decoded.
struct HttpRequest {
  std::string method, path, body, head;
  std::map<std::string, std::string> query, headers;

  std::string Header(const std::string& name) const {
    const auto it = headers.find(name);
    return it == headers.end() ? "" : it->second;
  }
};

// One connection of a client: what it asked, and what it has not read yet. Not
// thread-safe; never blocks.
class HttpConnection {
 public:
  // Bytes for the socket above which nothing more of a stream is taken.
  static constexpr size_t kOutBytes = 1 << 20;

  explicit HttpConnection(int fd) : fd_(fd) {}
  ~HttpConnection();  // Closes.

  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  // Reads what there is. Returns false once the client has hung up.
  bool Receive();
  // Takes the next whole request off what was read.
  std::optional<HttpRequest> TakeRequest();

  void Send(const Answer& answer, absl::string_view headers = "");
  // Begins a stream's answer.
  void BeginStream(std::shared_ptr<Session> session, bool gzip,
                   size_t chunk_bytes, std::optional<Fault> fault,
                   bool with_id);
  // Takes what the session has to say; ends the body if it is over.
  void Pump();
  // Writes what fits the socket. Returns false if the client is gone.
  bool Flush();
  void Hang() { hanging_ = true; }
  // Each Flush writes one byte, to the end of the header; none after
  // `stop_after`, if that is not 0.
  void Drip(size_t stop_after) {
    dripping_ = true;
    stop_after_ = stop_after;
  }
  void CloseAfterWriting() { closing_ = true; }
  // Whether to forget it: it was to be closed and all is written.
  bool finished() const { return (closing_ && out_.size() == sent_) || cut_; }
  bool wants_to_write() const {
    return sent_ < out_.size() && !hanging_ && !dripping_;
  }

  bool hanging() const { return hanging_; }
  bool dripping() const { return dripping_ && sent_ < out_.size(); }
  int fd() const { return fd_; }
  const std::shared_ptr<Session>& session() const { return session_; }
  bool watched = true;  // By epoll.

 private:
  // Puts `bytes` of a body into chunks.
  void Body(absl::string_view bytes);
  void Chunk(absl::string_view bytes);
  void EndBody();

  const int fd_;
  std::string in_, out_;
  size_t sent_ = 0;
  bool hanging_ = false, closing_ = false, cut_ = false, dripping_ = false;
  size_t stop_after_ = 0;

  std::shared_ptr<Session> session_;
  size_t chunk_bytes_ = 0;
  std::optional<Fault> fault_;
  uint64_t body_bytes_ = 0;
  std::unique_ptr<z_stream> gzip_;
};

}  // namespace weir::fake_nakadi

#endif  // WEIR_TESTS_FAKES_NAKADI_HTTP_CONNECTION_H_
