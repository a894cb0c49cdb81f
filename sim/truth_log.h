#ifndef WEIR_SIM_TRUTH_LOG_H_
#define WEIR_SIM_TRUTH_LOG_H_

#include <cstdio>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sim/mutex.h"

namespace weir::sim {

// The file in which the scenario says what it really did. Thread-safe.
class TruthLog {
 public:
  // Creates `path` or empties it. Returns NotFound or PermissionDenied if that
  // cannot be done.
  static absl::StatusOr<std::unique_ptr<TruthLog>> Create(
      const std::string& path);

  ~TruthLog();

  TruthLog(const TruthLog&) = delete;
  TruthLog& operator=(const TruthLog&) = delete;

  // Appends `lines`, and sees to it that a reader of the file finds them now.
  void Append(absl::string_view lines) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  explicit TruthLog(std::FILE* file) : file_(file) {}

  Mutex mu_;
  std::FILE* const file_ ABSL_PT_GUARDED_BY(mu_);
};

}  // namespace weir::sim

#endif  // WEIR_SIM_TRUTH_LOG_H_
