#ifndef WEIR_LIB_NAKADI_ERROR_H_
#define WEIR_LIB_NAKADI_ERROR_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace weir::nakadi {

// What went wrong, for programs. It travels as a payload of an absl::Status,
// whose message says the same to a person, with the problem's detail and the
// flow id, and whose code says what to do:
//
//   Unavailable   try again, with back-off: the network, 429, 5xx, a stream
//                 that ended; 409, which is standby; 401, whose token may be
//                 another by then
//   Cancelled     nothing: the caller closed
//   all others    nothing of it will work until somebody changes something:
//                 400, 403, 404, 412, 422
struct Error {
  enum class Kind {
    kConnect,  // No answer: refused, no such name, a timeout.
    kTls,
    kAuth,         // 401, 403; a token that cannot be had.
    kConflict,     // 409: all slots are taken, or a reset is on.
    kHttpStatus,   // Any other status that is not what was asked for.
    kReadTimeout,  // Nothing came, not even a keep-alive: half-open.
    kStreamEnd,    // The server ended the stream, properly.
    kCut,          // The connection broke in the middle of it.
    kProtocol,     // What came is not Nakadi's.
  };

  Kind kind = Kind::kConnect;
  int32_t http_status = 0;  // 0 if there was none.
  std::string detail;       // Of the problem; the reason a stream ended with.
  std::string flow_id;
  // No sooner than this; what Retry-After asked for.
  absl::Duration retry_after;
};

// Returns a status of `code` that carries `error`. Its message is `what`, and
// behind it status, detail and flow id as far as there are any.
absl::Status MakeError(absl::StatusCode code, absl::string_view what,
                       const Error& error);

// Returns what MakeError attached; of any other status, a kConnect.
Error GetError(const absl::Status& status);

// Returns the error that an answer of HTTP `status` to `what` is. `body` may be
// anything; what a problem or an OAuth server says in it becomes the detail.
absl::Status ErrorOfAnswer(absl::string_view what, int32_t status,
                           absl::string_view body, absl::string_view flow_id,
                           absl::Duration retry_after);

// Returns "detail" of a problem, "error_description" of an OAuth server, or the
// beginning of what else it is, on one line.
std::string DetailOf(absl::string_view body);

}  // namespace weir::nakadi

#endif  // WEIR_LIB_NAKADI_ERROR_H_
