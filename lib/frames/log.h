#ifndef WEIR_LIB_FRAMES_LOG_H_
#define WEIR_LIB_FRAMES_LOG_H_

#include <functional>

#include "absl/strings/string_view.h"

namespace weir::frames {

// Takes a line, without its end, that says what happened: thread-safe, and
// quick. An empty one says nothing.
using LogLine = std::function<void(absl::string_view line)>;

// Writes to standard error, as the original's log does.
void LogToStderr(absl::string_view line);

}  // namespace weir::frames

#endif  // WEIR_LIB_FRAMES_LOG_H_
