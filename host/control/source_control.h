#ifndef WEIR_HOST_CONTROL_SOURCE_CONTROL_H_
#define WEIR_HOST_CONTROL_SOURCE_CONTROL_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "host/control/source_stats.h"
#include "host/control/source_status.h"

namespace weir {

// What sources can be asked and told. `name` is "sources/ris-live".
// Thread-safe. Each call that takes a name returns NotFound / SOURCE_NOT_FOUND
// if there is no such source. Pause, Resume and Reconnect are idempotent.
class SourceControl {
 public:
  virtual ~SourceControl() = default;

  // All of them, by name.
  virtual std::vector<SourceStatus> List() const = 0;
  virtual std::vector<SourceStats> Stats() const = 0;

  // Disconnects and stays so until Resume.
  virtual absl::StatusOr<SourceStatus> Pause(absl::string_view name,
                                             absl::string_view reason) = 0;
  // Connects again. Does nothing to a source that is not paused.
  virtual absl::StatusOr<SourceStatus> Resume(absl::string_view name,
                                              absl::string_view reason) = 0;
  // Drops the connection and connects at once, also out of FAILED.
  //
  // Returns FailedPrecondition / SOURCE_STATE while it is paused, finished or
  // stopped.
  virtual absl::StatusOr<SourceStatus> Reconnect(absl::string_view name,
                                                 bool reset_backoff,
                                                 absl::string_view reason) = 0;
};

}  // namespace weir

#endif  // WEIR_HOST_CONTROL_SOURCE_CONTROL_H_
