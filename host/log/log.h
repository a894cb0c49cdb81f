#ifndef WEIR_HOST_LOG_LOG_H_
#define WEIR_HOST_LOG_LOG_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "host/pipeline/event.h"

namespace weir {

enum class LogFormat {
  kText,      // 2026-11-21 12:04:31.123 warning source: text
  kJson,      // One object a line: time, level, area, text.
  kJournald,  // <4>source: text
};

struct LogOptions {
  Severity level = Severity::kInfo;  // Less severe lines are not written.
  LogFormat format = LogFormat::kText;
  std::string file;  // Empty: standard error.
};

// Says from now on where and how lines are written. Lines before the first call
// go to standard error as text. Called again, it reopens the file, so that a
// rotated one is let go of.
//
// Returns FailedPrecondition, with the path and the reason, if the file cannot
// be opened; the log is then as before.
absl::Status ConfigureLog(const LogOptions& options);

// Writes one line; thread-safe. `area` is the room or the resource that speaks:
// "sources/ris-live". Control characters in `text` are written as \xNN, since
// much of it comes from the network.
void WriteLog(Severity severity, absl::string_view area,
              absl::string_view text);

template <typename... Parts>
void LogInfo(absl::string_view area, const Parts&... parts) {
  WriteLog(Severity::kInfo, area, absl::StrCat(parts...));
}

template <typename... Parts>
void LogWarning(absl::string_view area, const Parts&... parts) {
  WriteLog(Severity::kWarning, area, absl::StrCat(parts...));
}

template <typename... Parts>
void LogError(absl::string_view area, const Parts&... parts) {
  WriteLog(Severity::kError, area, absl::StrCat(parts...));
}

}  // namespace weir

#endif  // WEIR_HOST_LOG_LOG_H_
