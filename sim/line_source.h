#ifndef WEIR_SIM_LINE_SOURCE_H_
#define WEIR_SIM_LINE_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace weir::sim {

// Lines that a LineSource gave out, whole, each with its new-line.
struct LineBatch {
  absl::string_view text;  // Valid until the source is asked again.
  uint64_t messages = 0;
};

// One stream of RIS Live lines, from its first to its last, for one client.
// Not thread-safe.
class LineSource {
 public:
  virtual ~LineSource() = default;

  // How far into the stream the next line belongs, at the speed that was asked
  // for; never less than for the line before. Nothing if there is no next line.
  virtual std::optional<absl::Duration> NextAt() = 0;

  // Takes the lines that belong no farther in than `until`: at most
  // `max_messages`, 1 or more, and no more than fit in `max_bytes`, but one
  // line even if it does not. `now` is what a line that is only now made has
  // for a timestamp.
  //
  // REQUIRES: NextAt() has a value and is no more than `until`.
  virtual LineBatch Take(absl::Duration until, uint64_t max_messages,
                         size_t max_bytes, absl::Time now) = 0;
};

}  // namespace weir::sim

#endif  // WEIR_SIM_LINE_SOURCE_H_
