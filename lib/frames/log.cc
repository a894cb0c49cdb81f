#include "lib/frames/log.h"

#include <cstdio>
#include <string>

#include "absl/strings/str_cat.h"

namespace weir::frames {

void LogToStderr(absl::string_view line) {
  // In one call, so that lines of two threads stay whole.
  const std::string whole = absl::StrCat("frames: ", line, "\n");
  std::fwrite(whole.data(), 1, whole.size(), stderr);
}

}  // namespace weir::frames
