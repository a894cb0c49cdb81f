#include "sim/truth_log.h"

#include <cerrno>

#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace weir::sim {

absl::StatusOr<std::unique_ptr<TruthLog>> TruthLog::Create(
    const std::string& path) {
  std::FILE* const file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) {
    return absl::ErrnoToStatus(errno, absl::StrCat("creating ", path));
  }
  return absl::WrapUnique(new TruthLog(file));
}

TruthLog::~TruthLog() { std::fclose(file_); }

void TruthLog::Append(absl::string_view lines) {
  MutexLock lock(&mu_);
  std::fwrite(lines.data(), 1, lines.size(), file_);
  std::fflush(file_);
}

}  // namespace weir::sim
