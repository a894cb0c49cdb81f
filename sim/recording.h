#ifndef WEIR_SIM_RECORDING_H_
#define WEIR_SIM_RECORDING_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace weir::sim {

// A recorded stream of RIS Live, whole and in memory, so that to serve it costs
// no more than to send it. Immutable.
class Recording {
 public:
  // What a line's timestamp may run ahead of the line's before it. Recordings
  // are often made of several, years apart; nobody wants to wait for that.
  static constexpr absl::Duration kLongestPause = absl::Seconds(10);

  // Reads the file at `path`, one JSON object on each line. If its first bytes
  // are those of a Zstandard frame it is decompressed, whatever its name.
  //
  // Returns NotFound or PermissionDenied if it cannot be opened, DataLoss if it
  // ends within a frame or is damaged, and InvalidArgument if there is no line
  // in it.
  static absl::StatusOr<Recording> Load(const std::string& path);

  // Of `text`; the last line may lack its new-line. Returns InvalidArgument if
  // there is no line in it.
  static absl::StatusOr<Recording> FromText(std::string text);

  // Lines that are not empty.
  size_t size() const { return starts_.size() - 1; }

  // The lines from `begin` on and before `end`, indexes in [0, size()], each
  // with its new-line. Empty lines between them are still there.
  absl::string_view Lines(size_t begin, size_t end) const;

  // The largest end for which Lines(begin, end) has at most `max_bytes`, but
  // `begin` + 1 if the one line has more.
  size_t EndWithin(size_t begin, size_t max_bytes) const;

  // How long after the first line each came, by their own timestamps. Never
  // falls: the collectors' messages interleave out of order by seconds, and a
  // line that claims to be earlier, or has no timestamp, comes right after the
  // one before. Costs a pass over the text.
  std::vector<absl::Duration> Offsets() const;

 private:
  Recording() = default;

  std::string text_;
  std::vector<size_t> starts_;  // Of each line; then the size of the text.
};

}  // namespace weir::sim

#endif  // WEIR_SIM_RECORDING_H_
