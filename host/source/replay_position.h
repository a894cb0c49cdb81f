#ifndef WEIR_HOST_SOURCE_REPLAY_POSITION_H_
#define WEIR_HOST_SOURCE_REPLAY_POSITION_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace weir {

// A place in a replay: between two lines of a recording. A value.
struct ReplayPosition {
  uint64_t loop = 0;    // How often the recording was played to its end.
  uint64_t offset = 0;  // Unpacked bytes before it.
  uint64_t lines = 0;   // Frames handed over before it, of this loop.

  // One line of JSON: {"loop":0,"offset":1234,"lines":5}. It is what an
  // operator sees and what the state file holds.
  std::string ToText() const;

  // Reads what ToText writes, and a line end after it. Returns InvalidArgument
  // for anything else.
  static absl::StatusOr<ReplayPosition> Parse(absl::string_view text);

  friend bool operator==(const ReplayPosition&,
                         const ReplayPosition&) = default;
};

}  // namespace weir

#endif  // WEIR_HOST_SOURCE_REPLAY_POSITION_H_
