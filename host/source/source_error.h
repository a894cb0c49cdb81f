#ifndef WEIR_HOST_SOURCE_SOURCE_ERROR_H_
#define WEIR_HOST_SOURCE_SOURCE_ERROR_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace weir {

// What kind of error ended a connection, for programs; the stable words of
// weir.v1.Source.Error. It travels as a payload of an absl::Status, whose code
// says what the streamer does about it:
//
//   Unavailable   try again, with back-off
//   Cancelled     nothing: the source was interrupted
//   OutOfRange    nothing: a finite source is at its end
//   all others    give up (FAILED) until an operator says "reconnect"
struct SourceError {
  static constexpr char kConnect[] = "connect";
  static constexpr char kTls[] = "tls";
  static constexpr char kHttpStatus[] = "http_status";
  static constexpr char kReadTimeout[] = "read_timeout";
  static constexpr char kConnectionLost[] = "connection_lost";
  static constexpr char kEndOfStream[] = "end_of_stream";
  static constexpr char kUpstream[] = "upstream";
  static constexpr char kProtocol[] = "protocol";
  static constexpr char kAuth[] = "auth";

  std::string kind;
  int32_t http_status = 0;  // 0 if there was none.
  // Wait no shorter before the next attempt, whatever the back-off says: the
  // peer asked for it.
  absl::Duration at_least;
};

// Returns a status that carries `kind`, one of the words above.
absl::Status MakeSourceError(absl::StatusCode code, absl::string_view kind,
                             absl::string_view message, int32_t http_status = 0,
                             absl::Duration at_least = absl::ZeroDuration());

// Returns what MakeSourceError attached; of any other error, kConnect.
SourceError GetSourceError(const absl::Status& status);

}  // namespace weir

#endif  // WEIR_HOST_SOURCE_SOURCE_ERROR_H_
