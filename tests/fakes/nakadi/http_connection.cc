#include "tests/fakes/nakadi/http_connection.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

namespace weir::fake_nakadi {

HttpConnection::~HttpConnection() {
  if (gzip_ != nullptr) deflateEnd(gzip_.get());
  close(fd_);
}

bool HttpConnection::Receive() {
  char buffer[65536];
  while (true) {
    const ssize_t got = recv(fd_, buffer, sizeof(buffer), MSG_DONTWAIT);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    if (got == 0) return false;
    in_.append(buffer, static_cast<size_t>(got));
  }
}

std::optional<HttpRequest> HttpConnection::TakeRequest() {
  const size_t end = in_.find("\r\n\r\n");
  if (end == std::string::npos || hanging_) return std::nullopt;
  HttpRequest request;
  request.head = in_.substr(0, end);
  const std::vector<std::string> lines = absl::StrSplit(request.head, "\r\n");
  for (size_t i = 1; i < lines.size(); ++i) {
    const std::pair<std::string, std::string> header =
        absl::StrSplit(lines[i], absl::MaxSplits(':', 1));
    request.headers[absl::AsciiStrToLower(header.first)] =
        std::string(absl::StripAsciiWhitespace(header.second));
  }
  size_t length = 0;
  (void)absl::SimpleAtoi(request.Header("content-length"), &length);
  if (in_.size() < end + 4 + length) return std::nullopt;
  request.body = in_.substr(end + 4, length);
  in_.erase(0, end + 4 + length);
  const std::vector<std::string> words = absl::StrSplit(lines[0], ' ');
  request.method = words[0];
  const std::pair<std::string, std::string> target = absl::StrSplit(
      words.size() > 1 ? words[1] : "/", absl::MaxSplits('?', 1));
  request.path = target.first;
  for (const absl::string_view pair :
       absl::StrSplit(target.second, '&', absl::SkipEmpty())) {
    request.query.insert(absl::StrSplit(pair, absl::MaxSplits('=', 1)));
  }
  return request;
}

void HttpConnection::Send(const Answer& answer, absl::string_view headers) {
  absl::StrAppend(&out_, "HTTP/1.1 ", answer.status,
                  " Status\r\nX-Flow-Id: fake-flow-id\r\n", headers);
  if (answer.status != 204) {
    absl::StrAppend(&out_, "Content-Type: application/",
                    answer.status >= 400 ? "problem+json" : "json",
                    "\r\nContent-Length: ", answer.body.size(), "\r\n");
  }
  absl::StrAppend(&out_, "\r\n", answer.body);
}

void HttpConnection::BeginStream(std::shared_ptr<Session> session, bool gzip,
                                 size_t chunk_bytes, std::optional<Fault> fault,
                                 bool with_id) {
  session_ = std::move(session);
  chunk_bytes_ = chunk_bytes;
  fault_ = std::move(fault);
  absl::StrAppend(&out_,
                  "HTTP/1.1 200 OK\r\nContent-Type: application/x-json-stream"
                  "\r\nX-Flow-Id: fake-flow-id\r\nTransfer-Encoding: chunked"
                  "\r\n");
  if (with_id) {
    absl::StrAppend(&out_, "X-Nakadi-StreamId: ", session_->id, "\r\n");
  }
  if (gzip) {
    out_.append("Content-Encoding: gzip\r\n");
    gzip_ = std::make_unique<z_stream>();
    deflateInit2(gzip_.get(), 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  }
  out_.append("\r\n");
  if (fault_.has_value() && fault_->what == Fault::What::kLine) {
    Body(std::exchange(fault_, std::nullopt)->body);
  }
}

void HttpConnection::Pump() {
  if (session_ == nullptr || closing_ || hanging_) return;
  if (!session_->outbox.empty() && out_.size() - sent_ < kOutBytes) {
    Body(session_->outbox);
    session_->outbox.clear();
  }
  if (session_->state == Session::State::kEnded && session_->outbox.empty()) {
    EndBody();
  }
}

void HttpConnection::EndBody() {
  if (hanging_ || closing_) return;
  if (gzip_ != nullptr) {
    Bytef buffer[64];
    gzip_->next_in = nullptr;
    gzip_->avail_in = 0;
    gzip_->next_out = buffer;
    gzip_->avail_out = sizeof(buffer);
    deflate(gzip_.get(), Z_FINISH);
    Chunk(absl::string_view(reinterpret_cast<char*>(buffer),
                            sizeof(buffer) - gzip_->avail_out));
  }
  out_.append("0\r\n\r\n");
  closing_ = true;
}

void HttpConnection::Body(absl::string_view bytes) {
  bool fault_now = false;
  if (fault_.has_value() && body_bytes_ + bytes.size() > fault_->after_bytes) {
    bytes = bytes.substr(0, fault_->after_bytes - body_bytes_);
    fault_now = true;
  }
  body_bytes_ += bytes.size();
  if (gzip_ != nullptr) {
    std::string packed(deflateBound(gzip_.get(), bytes.size()) + 64, '\0');
    gzip_->next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    gzip_->avail_in = static_cast<uInt>(bytes.size());
    gzip_->next_out = reinterpret_cast<Bytef*>(packed.data());
    gzip_->avail_out = static_cast<uInt>(packed.size());
    deflate(gzip_.get(), Z_SYNC_FLUSH);
    packed.resize(packed.size() - gzip_->avail_out);
    Chunk(packed);
  } else {
    Chunk(bytes);
  }
  if (!fault_now) return;
  const Fault::What what = std::exchange(fault_, std::nullopt)->what;
  (void)Flush();
  if (what == Fault::What::kReset) {
    const linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    cut_ = true;
  } else if (what == Fault::What::kFin) {
    closing_ = true;
  } else if (what == Fault::What::kStall) {
    // What was written before goes out.
    while (wants_to_write() && Flush()) {
    }
    hanging_ = true;
  } else {
    EndBody();
  }
}

void HttpConnection::Chunk(absl::string_view bytes) {
  while (!bytes.empty()) {
    const absl::string_view piece =
        bytes.substr(0, chunk_bytes_ == 0 ? bytes.size() : chunk_bytes_);
    absl::StrAppend(&out_, absl::Hex(piece.size()), "\r\n", piece, "\r\n");
    bytes.remove_prefix(piece.size());
  }
}

bool HttpConnection::Flush() {
  while (sent_ < out_.size() && !hanging_) {
    const ssize_t put =
        send(fd_, out_.data() + sent_, dripping_ ? 1 : out_.size() - sent_,
             MSG_NOSIGNAL | MSG_DONTWAIT);
    if (put < 0) {
      if (errno == EAGAIN || errno == EINTR) return true;
      return false;
    }
    sent_ += static_cast<size_t>(put);
    if (!dripping_) continue;
    hanging_ = sent_ == stop_after_;
    dripping_ =
        !absl::EndsWith(absl::string_view(out_).substr(0, sent_), "\r\n\r\n");
    if (dripping_) return true;
  }
  if (sent_ == out_.size()) {
    out_.clear();
    sent_ = 0;
  }
  return true;
}

}  // namespace weir::fake_nakadi
