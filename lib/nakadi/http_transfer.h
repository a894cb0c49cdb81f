#ifndef WEIR_LIB_NAKADI_HTTP_TRANSFER_H_
#define WEIR_LIB_NAKADI_HTTP_TRANSFER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/nakadi/clock.h"
#include "lib/nakadi/options.h"

namespace weir::nakadi {

struct HttpRequest {
  std::string method = "GET";
  std::string url;
  std::vector<std::string> headers;  // "Name: value"; the token is added.
  std::string body;                  // Of a POST, JSON.
};

// The header of an answer.
struct HttpAnswer {
  int32_t status = 0;
  std::string flow_id;
  std::string stream_id;
  absl::Duration retry_after;  // Zero: there was none.
};

// One HTTP request after the other, over one connection that is kept while it
// can be. By libcurl, so with TLS, gzip and the usual proxy variables.
// Blocking, and interruptible.
//
// One thread makes requests; Interrupt, Rearm and EndBy may be called by any.
class HttpTransfer {
 public:
  // A body that is collected whole is cut to this.
  static constexpr size_t kMaxBodyBytes = 1 << 20;

  // `clock` must outlive it; it must be a real one, since libcurl waits in real
  // time. `packed` is whether answers may come packed.
  HttpTransfer(const ClientOptions& options, bool packed, const Clock& clock);
  ~HttpTransfer();

  HttpTransfer(const HttpTransfer&) = delete;
  HttpTransfer& operator=(const HttpTransfer&) = delete;

  // Makes the request and waits until its answer's header is there, for
  // `timeout` at most. What came before is forgotten.
  //
  // Returns Unavailable, with an Error, if there is no answer, and Cancelled
  // after Interrupt. Any status is an answer.
  absl::Status Begin(const HttpRequest& request, absl::Duration timeout,
                     HttpAnswer* answer);

  // Appends what of the body there is to `body`, and waits for at least a byte,
  // at most for `timeout` since the last byte came; whatever comes, packed
  // bytes that unpack to nothing yet included, counts. `body` gets little more
  // than `about` bytes at once.
  //
  // Returns OutOfRange at the proper end of the body, Unavailable with an Error
  // if the connection broke or the time is over, and Cancelled.
  absl::Status ReadBody(absl::Duration timeout, size_t about,
                        std::string* body);

  // Begin, and all of the body, within `timeout`. `body` is what came of it
  // also if the rest did not, for an answer whose status says enough.
  absl::Status Do(const HttpRequest& request, absl::Duration timeout,
                  HttpAnswer* answer, std::string* body);

  // Drops the connection if an answer is under way; it is not drained.
  void Drop();

  // Makes every call return Cancelled, until Rearm.
  void Interrupt();
  void Rearm() { interrupted_ = false; }
  // Makes every call return by then, by `clock`. For the end of a program.
  void EndBy(int64_t ns);

 private:
  struct Curl;

  static size_t OnBody(char* data, size_t size, size_t count, void* self);
  static size_t OnHeader(char* data, size_t size, size_t count, void* self);

  absl::Status Prepare(const HttpRequest& request, absl::Duration timeout);
  // Lets libcurl work; waits until `deadline_ns` if there is nothing to do.
  void Perform(int64_t deadline_ns);
  absl::Status Called() const;
  // How much of the body came, as it is packed.
  int64_t WireBytes() const;
  absl::Status StatusOfEnd(int code) const;

  const ClientOptions options_;
  const bool packed_;
  const Clock& clock_;
  const std::unique_ptr<Curl> curl_;
  std::string shown_;  // The URL, for messages.

  std::string* body_ = nullptr;
  std::string held_;  // What came before anyone read.
  size_t about_ = 0, taken_ = 0;
  bool paused_ = false;
  bool answered_ = false;
  bool ended_ = false;
  absl::Status end_;
  HttpAnswer answer_;

  std::atomic<bool> interrupted_{false};
  std::atomic<int64_t> end_by_ns_;
};

}  // namespace weir::nakadi

#endif  // WEIR_LIB_NAKADI_HTTP_TRANSFER_H_
