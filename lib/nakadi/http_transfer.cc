#include "lib/nakadi/http_transfer.h"

#include <curl/curl.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "lib/nakadi/error.h"

namespace weir::nakadi {
namespace {

// How much libcurl reads from the socket at once: large, since a stream may
// bring hundreds of megabytes a second, and small enough for a cache.
constexpr long kSocketBytes = 256 << 10;

bool IsLoopback(absl::string_view url) {
  const size_t at = url.find("://");
  if (at == absl::string_view::npos) return false;
  const absl::string_view host = url.substr(at + 3);
  return absl::StartsWith(host, "127.") || absl::StartsWith(host, "[::1]") ||
         absl::StartsWith(host, "localhost");
}

}  // namespace

struct HttpTransfer::Curl {
  static CURLM* NewMulti() {
    // Once a process, and thread-safe in itself.
    static const CURLcode initialized = curl_global_init(CURL_GLOBAL_DEFAULT);
    return initialized == CURLE_OK ? curl_multi_init() : nullptr;
  }
  Curl() : multi(NewMulti()), easy(curl_easy_init()) {}
  ~Curl() {
    if (added) curl_multi_remove_handle(multi, easy);
    curl_easy_cleanup(easy);
    curl_slist_free_all(headers);
    curl_multi_cleanup(multi);
  }

  CURLM* const multi;
  CURL* const easy;
  curl_slist* headers = nullptr;
  bool added = false;
  char error[CURL_ERROR_SIZE] = {};
};

HttpTransfer::HttpTransfer(const ClientOptions& options, bool packed,
                           const Clock& clock)
    : options_(options),
      packed_(packed),
      clock_(clock),
      curl_(std::make_unique<Curl>()),
      end_by_ns_(std::numeric_limits<int64_t>::max()) {}

HttpTransfer::~HttpTransfer() = default;

void HttpTransfer::Drop() {
  if (std::exchange(curl_->added, false)) {
    // libcurl closes what is not over, and keeps what is.
    curl_multi_remove_handle(curl_->multi, curl_->easy);
  }
  held_.clear();
  paused_ = answered_ = ended_ = false;
  end_ = absl::OkStatus();
  answer_ = {};
}

absl::Status HttpTransfer::Prepare(const HttpRequest& request,
                                   absl::Duration timeout) {
  CURL* easy = curl_->easy;
  if (easy == nullptr || curl_->multi == nullptr) {
    return MakeError(absl::StatusCode::kUnavailable, "libcurl has no memory",
                     {});
  }
  std::vector<std::string> headers = request.headers;
  if (options_.token) {
    absl::StatusOr<std::string> token = options_.token();
    if (!token.ok()) {
      return MakeError(absl::StatusCode::kUnavailable, token.status().message(),
                       {.kind = Error::Kind::kAuth});
    }
    headers.push_back(absl::StrCat("Authorization: Bearer ", *token));
  }
  // Without it libcurl waits for a "100 Continue" that no Nakadi sends.
  headers.push_back("Expect:");
  if (!request.body.empty()) {
    headers.push_back("Content-Type: application/json");
  }
  curl_easy_reset(easy);
  curl_slist_free_all(std::exchange(curl_->headers, nullptr));
  for (const std::string& header : headers) {
    curl_->headers = curl_slist_append(curl_->headers, header.c_str());
  }
  shown_ = request.url.substr(0, request.url.find('?'));
  const long timeout_ms =
      std::max<long>(1, static_cast<long>(absl::ToInt64Milliseconds(timeout)));
  curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  // HTTP/2 would put its own, larger windows before TCP's flow control.
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                   static_cast<long>(CURL_HTTP_VERSION_1_1));
  if (packed_) curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "weir");
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  // Do not wait for a name server that does not answer.
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, kSocketBytes);
  if (IsLoopback(request.url)) curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  if (!request.body.empty()) {
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE,
                     static_cast<long>(request.body.size()));
    curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, request.body.c_str());
  }
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, curl_->headers);
  const auto set_file = [&](CURLoption option, const std::string& file) {
    if (!file.empty()) curl_easy_setopt(easy, option, file.c_str());
  };
  set_file(CURLOPT_CAINFO, options_.ca_file);
  set_file(CURLOPT_SSLCERT, options_.cert_file);
  set_file(CURLOPT_SSLKEY, options_.key_file);
  if (options_.insecure_skip_verify) {
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
  }
  curl_->error[0] = '\0';
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, curl_->error);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &HttpTransfer::OnBody);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &HttpTransfer::OnHeader);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, this);
  curl_multi_add_handle(curl_->multi, easy);
  curl_->added = true;
  return absl::OkStatus();
}

absl::Status HttpTransfer::Called() const {
  if (interrupted_) return absl::CancelledError("interrupted");
  if (clock_.MonotonicNs() >= end_by_ns_) {
    return absl::CancelledError("no time is left");
  }
  return absl::OkStatus();
}

absl::Status HttpTransfer::Begin(const HttpRequest& request,
                                 absl::Duration timeout, HttpAnswer* answer) {
  Drop();
  if (absl::Status status = Called(); !status.ok()) return status;
  const int64_t deadline_ns =
      clock_.MonotonicNs() + absl::ToInt64Nanoseconds(timeout);
  if (absl::Status status = Prepare(request, timeout); !status.ok()) {
    return status;
  }
  body_ = &held_;
  about_ = kMaxBodyBytes;
  while (!answered_) {
    absl::Status status = Called();
    if (status.ok() && ended_) {
      // At its end before it was answered: 1xx alone, or an error.
      status = end_.ok() || absl::IsOutOfRange(end_)
                   ? MakeError(absl::StatusCode::kUnavailable,
                               absl::StrCat(shown_, ": no answer"),
                               {.kind = Error::Kind::kCut})
                   : end_;
    }
    if (status.ok() && clock_.MonotonicNs() >= deadline_ns) {
      status = MakeError(absl::StatusCode::kUnavailable,
                         absl::StrCat(shown_, ": no answer within ",
                                      absl::FormatDuration(timeout)),
                         {.kind = Error::Kind::kConnect});
    }
    if (!status.ok()) {
      Drop();
      return status;
    }
    Perform(deadline_ns);
  }
  *answer = answer_;
  return absl::OkStatus();
}

int64_t HttpTransfer::WireBytes() const {
  curl_off_t bytes = 0;
  curl_easy_getinfo(curl_->easy, CURLINFO_SIZE_DOWNLOAD_T, &bytes);
  return bytes;
}

absl::Status HttpTransfer::ReadBody(absl::Duration timeout, size_t about,
                                    std::string* body) {
  const size_t before = body->size();
  if (!held_.empty()) {
    body->append(held_);
    held_.clear();
    return absl::OkStatus();
  }
  const auto deadline_from_now = [&] {
    return clock_.MonotonicNs() + absl::ToInt64Nanoseconds(timeout);
  };
  int64_t deadline_ns = deadline_from_now();
  int64_t wire_bytes = WireBytes();
  body_ = body;
  about_ = about;
  absl::Status status;
  while (body->size() == before) {
    status = Called();
    if (status.ok() && ended_) status = end_;
    if (!status.ok()) break;
    if (clock_.MonotonicNs() >= deadline_ns) {
      const int64_t bytes = WireBytes();
      if (std::exchange(wire_bytes, bytes) == bytes) {
        status = MakeError(
            absl::StatusCode::kUnavailable,
            absl::StrCat(shown_, ": no byte within ",
                         absl::FormatDuration(timeout)),
            {.kind = Error::Kind::kReadTimeout, .flow_id = answer_.flow_id});
        break;
      }
      deadline_ns = deadline_from_now();
    }
    Perform(deadline_ns);
  }
  body_ = &held_;
  return body->size() > before ? absl::OkStatus() : status;
}

absl::Status HttpTransfer::Do(const HttpRequest& request,
                              absl::Duration timeout, HttpAnswer* answer,
                              std::string* body) {
  body->clear();
  const int64_t deadline_ns =
      clock_.MonotonicNs() + absl::ToInt64Nanoseconds(timeout);
  absl::Status status = Begin(request, timeout, answer);
  while (status.ok() && body->size() < kMaxBodyBytes) {
    const int64_t left_ns = deadline_ns - clock_.MonotonicNs();
    status = ReadBody(absl::Nanoseconds(std::max<int64_t>(left_ns, 0)),
                      kMaxBodyBytes, body);
  }
  Drop();
  return absl::IsOutOfRange(status) ? absl::OkStatus() : status;
}

void HttpTransfer::Perform(int64_t deadline_ns) {
  taken_ = 0;
  const bool was_answered = answered_;
  if (std::exchange(paused_, false)) {
    curl_easy_pause(curl_->easy, CURLPAUSE_CONT);
    if (taken_ > 0) return;
  }
  int running = 0;
  curl_multi_perform(curl_->multi, &running);
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(curl_->multi, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    ended_ = true;
    end_ = StatusOfEnd(message->data.result);
  }
  if (taken_ > 0 || ended_ || answered_ != was_answered || interrupted_) {
    return;
  }
  const int64_t until_ns = std::min(deadline_ns, end_by_ns_.load());
  // Rounded up, so that it does not wake just before the deadline, again and
  // again.
  const int64_t wait_ms = (until_ns - clock_.MonotonicNs()) / 1'000'000 + 1;
  curl_multi_poll(curl_->multi, nullptr, 0,
                  static_cast<int>(std::clamp<int64_t>(wait_ms, 0, 3'600'000)),
                  nullptr);
}

size_t HttpTransfer::OnBody(char* data, size_t size, size_t count, void* self) {
  auto* transfer = static_cast<HttpTransfer*>(self);
  if (transfer->taken_ >= transfer->about_) {
    transfer->paused_ = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  transfer->taken_ += size * count;
  transfer->body_->append(data, size * count);
  return size * count;
}

size_t HttpTransfer::OnHeader(char* data, size_t size, size_t count,
                              void* self) {
  auto* transfer = static_cast<HttpTransfer*>(self);
  const absl::string_view line(data, size * count);
  HttpAnswer& answer = transfer->answer_;
  if (line == "\r\n" || line == "\n") {
    long code = 0;
    curl_easy_getinfo(transfer->curl_->easy, CURLINFO_RESPONSE_CODE, &code);
    if (code < 200) {
      answer = {};
      return size * count;
    }
    answer.status = static_cast<int32_t>(code);
    transfer->answered_ = true;
    return size * count;
  }
  const size_t colon = line.find(':');
  if (colon == absl::string_view::npos) return size * count;
  const absl::string_view name = line.substr(0, colon);
  const absl::string_view value =
      absl::StripAsciiWhitespace(line.substr(colon + 1));
  if (absl::EqualsIgnoreCase(name, "x-flow-id")) {
    answer.flow_id = std::string(value.substr(0, 200));
  } else if (absl::EqualsIgnoreCase(name, "x-nakadi-streamid")) {
    answer.stream_id = std::string(value.substr(0, 200));
  } else if (absl::EqualsIgnoreCase(name, "retry-after")) {
    int64_t seconds = 0;
    if (absl::SimpleAtoi(value, &seconds)) {
      answer.retry_after = absl::Seconds(std::clamp<int64_t>(seconds, 0, 3600));
    }
  }
  return size * count;
}

absl::Status HttpTransfer::StatusOfEnd(int curl_code) const {
  const auto code = static_cast<CURLcode>(curl_code);
  if (code == CURLE_OK) return absl::OutOfRangeError("the end of the body");
  const absl::string_view text = curl_->error[0] != '\0'
                                     ? absl::string_view(curl_->error)
                                     : curl_easy_strerror(code);
  Error::Kind kind = answered_ ? Error::Kind::kCut : Error::Kind::kConnect;
  absl::StatusCode says = absl::StatusCode::kUnavailable;
  switch (code) {
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
      says = absl::StatusCode::kInvalidArgument;
      break;
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
      kind = Error::Kind::kTls;
      says = absl::StatusCode::kFailedPrecondition;
      break;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
      kind = Error::Kind::kTls;
      break;
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_WEIRD_SERVER_REPLY:
      kind = Error::Kind::kProtocol;
      break;
    default:
      break;
  }
  return MakeError(says, absl::StrCat(shown_, ": ", text),
                   {.kind = kind, .flow_id = answer_.flow_id});
}

void HttpTransfer::Interrupt() {
  interrupted_ = true;
  curl_multi_wakeup(curl_->multi);
}

void HttpTransfer::EndBy(int64_t ns) {
  end_by_ns_ = ns;
  curl_multi_wakeup(curl_->multi);
}

}  // namespace weir::nakadi
