#include "host/source/ris_live_source.h"

#include <curl/curl.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "host/source/source_error.h"

namespace weir {

struct RisLiveSource::Curl {
  // Once a process, and thread-safe in itself.
  static CURLM* NewMulti() {
    static const CURLcode initialized = curl_global_init(CURL_GLOBAL_DEFAULT);
    return initialized == CURLE_OK ? curl_multi_init() : nullptr;
  }
  Curl() : multi(NewMulti()) {}
  ~Curl() { curl_multi_cleanup(multi); }

  CURLM* const multi;  // Lives as long as the source, so it can be woken.
  CURL* easy = nullptr;
  curl_slist* headers = nullptr;
  char error[CURL_ERROR_SIZE] = {};
};

RisLiveSource::RisLiveSource(const RisLiveOptions& options, const Clock& clock)
    : options_(options),
      clock_(clock),
      url_(MakeStreamUrl(options.url, options.client)),
      description_{.kind = "ris_live",
                   .endpoint = url_.ok() ? url_->shown : "",
                   .flow_control = true},
      curl_(std::make_unique<Curl>()),
      framer_(options.max_payload_bytes) {}

RisLiveSource::~RisLiveSource() { Disconnect(); }

absl::Status RisLiveSource::Connect() {
  Disconnect();
  if (absl::Status status = Prepare(); !status.ok()) return status;
  const int64_t deadline_ns =
      clock_.MonotonicNs() + absl::ToInt64Nanoseconds(options_.connect_timeout);
  while (!answered_) {
    absl::Status status;
    if (interrupted_.load()) {
      status = absl::CancelledError("interrupted");
    } else if (!end_.ok()) {
      status = end_;
    } else if (clock_.MonotonicNs() >= deadline_ns) {
      status =
          Error(absl::StatusCode::kUnavailable, SourceError::kConnect,
                absl::StrCat("no answer within ",
                             absl::FormatDuration(options_.connect_timeout)));
    }
    if (!status.ok()) {
      Disconnect();
      return status;
    }
    Perform(deadline_ns);
  }
  long code = 0;
  curl_easy_getinfo(curl_->easy, CURLINFO_RESPONSE_CODE, &code);
  absl::Status status = StatusOfAnswer(static_cast<int32_t>(code));
  if (!status.ok()) Disconnect();
  return status;
}

absl::Status RisLiveSource::Read(FrameBatch* batch) {
  const auto deadline_from_now = [this] {
    return clock_.MonotonicNs() +
           absl::ToInt64Nanoseconds(options_.read_timeout);
  };
  int64_t deadline_ns = deadline_from_now();
  while (true) {
    if (interrupted_.load()) return absl::CancelledError("interrupted");
    if (taken_ < received_.size()) {
      Cut(batch);
      if (!batch->frames.empty()) {
        batch->received_at = clock_.Now();
        return absl::OkStatus();
      }
      deadline_ns = deadline_from_now();
      continue;
    }
    received_.clear();
    taken_ = 0;
    if (!end_.ok()) {
      const absl::Status end = end_;
      Disconnect();
      return end;
    }
    if (clock_.MonotonicNs() >= deadline_ns) {
      if (!PackedBytesArrived()) {
        Disconnect();
        return Error(absl::StatusCode::kUnavailable, SourceError::kReadTimeout,
                     absl::StrCat("read timeout: no byte within ",
                                  absl::FormatDuration(options_.read_timeout)));
      }
      deadline_ns = deadline_from_now();
    }
    Perform(deadline_ns);
  }
}

void RisLiveSource::Cut(FrameBatch* batch) {
  absl::string_view piece =
      absl::string_view(received_).substr(taken_, kBatchBytes);
  taken_ += piece.size();
  absl::string_view line;
  while (framer_.Next(&piece, &line)) batch->frames.push_back(line);
  empty_.store(framer_.skipped().empty, std::memory_order_relaxed);
  too_long_.store(framer_.skipped().too_long, std::memory_order_relaxed);
}

void RisLiveSource::Perform(int64_t deadline_ns) {
  if (std::exchange(held_back_, false)) {
    curl_easy_pause(curl_->easy, CURLPAUSE_CONT);
  }
  int running = 0;
  curl_multi_perform(curl_->multi, &running);
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(curl_->multi, &left)) {
    if (message->msg == CURLMSG_DONE) end_ = StatusOfEnd(message->data.result);
  }
  if (!received_.empty() || !end_.ok() || interrupted_.load()) return;
  // Rounded up, so that it does not wake just before the deadline, again and
  // again.
  const int64_t wait_ms = (deadline_ns - clock_.MonotonicNs()) / 1'000'000 + 1;
  curl_multi_poll(curl_->multi, nullptr, 0,
                  static_cast<int>(std::clamp<int64_t>(wait_ms, 0, 3'600'000)),
                  nullptr);
}

bool RisLiveSource::PackedBytesArrived() {
  curl_off_t bytes = 0;
  curl_easy_getinfo(curl_->easy, CURLINFO_SIZE_DOWNLOAD_T, &bytes);
  return std::exchange(packed_bytes_, bytes) != bytes;
}

absl::Status RisLiveSource::Prepare() {
  if (!url_.ok()) {
    return MakeSourceError(url_.status().code(), SourceError::kConnect,
                           url_.status().message());
  }
  for (const char c : options_.subscribe) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) {
      return MakeSourceError(absl::StatusCode::kInvalidArgument,
                             SourceError::kConnect,
                             "subscribe has a control character; it must be "
                             "one JSON object on one line");
    }
  }
  CURL* easy = curl_->easy = curl_easy_init();
  if (easy == nullptr || curl_->multi == nullptr) {
    return Error(absl::StatusCode::kUnavailable, SourceError::kConnect,
                 "libcurl has no memory");
  }
  const long timeout_ms =
      static_cast<long>(absl::ToInt64Milliseconds(options_.connect_timeout));
  curl_easy_setopt(easy, CURLOPT_URL, url_->request.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(easy, CURLOPT_MAXREDIRS, 5L);
  // HTTP/2 would put its own, larger windows before TCP's flow control.
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                   static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "weir");
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  // Do not wait for a name server that does not answer.
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
  curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, kSocketBytes);
  if (url_->loopback) curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
  if (!options_.subscribe.empty()) {
    curl_->headers = curl_slist_append(
        nullptr, absl::StrCat("X-RIS-Subscribe: ", options_.subscribe).c_str());
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, curl_->headers);
  }
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
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, curl_->error);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &RisLiveSource::OnBody);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &RisLiveSource::OnHeader);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, this);
  curl_multi_add_handle(curl_->multi, easy);
  return absl::OkStatus();
}

size_t RisLiveSource::OnBody(char* data, size_t size, size_t count,
                             void* self) {
  auto* source = static_cast<RisLiveSource*>(self);
  const size_t held = source->received_.size();
  if (held > 0 && held + size * count > kBatchBytes) {
    source->held_back_ = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  source->received_.append(data, size * count);
  return size * count;
}

size_t RisLiveSource::OnHeader(char* data, size_t size, size_t count,
                               void* self) {
  auto* source = static_cast<RisLiveSource*>(self);
  const absl::string_view line(data, size * count);
  if (line == "\r\n" || line == "\n") {
    long code = 0;
    curl_easy_getinfo(source->curl_->easy, CURLINFO_RESPONSE_CODE, &code);
    // 1xx says that the answer is still to come; libcurl follows 3xx.
    source->answered_ = (code >= 200 && code < 300) || code >= 400;
  }
  return size * count;
}

absl::Status RisLiveSource::StatusOfAnswer(int32_t code) const {
  if (code < 300) return absl::OkStatus();
  const std::string text =
      absl::StrCat(description_.endpoint, ": HTTP status ", code);
  if (code == 401 || code == 403) {
    return MakeSourceError(absl::StatusCode::kPermissionDenied,
                           SourceError::kAuth,
                           absl::StrCat(text, "; check the credentials"), code);
  }
  if (code == 404) {
    return MakeSourceError(absl::StatusCode::kNotFound,
                           SourceError::kHttpStatus,
                           absl::StrCat(text, "; check the url"), code);
  }
  return MakeSourceError(absl::StatusCode::kUnavailable,
                         SourceError::kHttpStatus, text, code);
}

absl::Status RisLiveSource::StatusOfEnd(int curl_code) const {
  const auto code = static_cast<CURLcode>(curl_code);
  long http = 0, redirects = 0;
  curl_easy_getinfo(curl_->easy, CURLINFO_RESPONSE_CODE, &http);
  curl_easy_getinfo(curl_->easy, CURLINFO_REDIRECT_COUNT, &redirects);
  const absl::string_view text = curl_->error[0] != '\0'
                                     ? absl::string_view(curl_->error)
                                     : curl_easy_strerror(code);
  constexpr auto kRetry = absl::StatusCode::kUnavailable;
  switch (code) {
    case CURLE_OK:
      if (!answered_) return StatusOfAnswer(static_cast<int32_t>(http));
      return Error(kRetry, SourceError::kEndOfStream,
                   "the server ended the stream");
    case CURLE_TOO_MANY_REDIRECTS:
      return MakeSourceError(
          kRetry, SourceError::kHttpStatus,
          absl::StrCat(description_.endpoint, ": more than 5 redirects"),
          static_cast<int32_t>(http));
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
      return Error(redirects > 0 ? kRetry : absl::StatusCode::kInvalidArgument,
                   SourceError::kConnect, text);
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
      return Error(absl::StatusCode::kFailedPrecondition, SourceError::kTls,
                   absl::StrCat(text, "; check ca_file, cert_file, key_file"));
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
      return Error(kRetry, SourceError::kTls, text);
    case CURLE_OUT_OF_MEMORY:
      return Error(kRetry, SourceError::kProtocol,
                   "the answer unpacks to more than libcurl keeps at once");
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_WEIRD_SERVER_REPLY:
      return Error(kRetry, SourceError::kProtocol, text);
    default:
      return Error(
          kRetry, answered_ ? SourceError::kEndOfStream : SourceError::kConnect,
          text);
  }
}

absl::Status RisLiveSource::Error(absl::StatusCode code, absl::string_view kind,
                                  absl::string_view message) const {
  return MakeSourceError(code, kind,
                         absl::StrCat(description_.endpoint, ": ", message));
}

void RisLiveSource::Disconnect() {
  if (curl_->easy != nullptr) {
    curl_multi_remove_handle(curl_->multi, curl_->easy);
    curl_easy_cleanup(curl_->easy);
    curl_->easy = nullptr;
  }
  curl_slist_free_all(std::exchange(curl_->headers, nullptr));
  curl_->error[0] = '\0';
  framer_.DropPartial();
  partial_.store(framer_.skipped().partial, std::memory_order_relaxed);
  received_ = std::string();
  taken_ = 0;
  held_back_ = false;
  answered_ = false;
  end_ = absl::OkStatus();
  packed_bytes_ = 0;
}

void RisLiveSource::Interrupt() {
  interrupted_.store(true);
  curl_multi_wakeup(curl_->multi);
}

void RisLiveSource::Rearm() { interrupted_.store(false); }

Source::Progress RisLiveSource::GetProgress() const {
  Progress progress;
  progress.skipped_by_reason = {
      {"empty", empty_.load(std::memory_order_relaxed)},
      {"too_long", too_long_.load(std::memory_order_relaxed)},
      {"partial", partial_.load(std::memory_order_relaxed)}};
  return progress;
}

}  // namespace weir
