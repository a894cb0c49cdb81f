#ifndef WEIR_HOST_SOURCE_LINE_FRAMER_H_
#define WEIR_HOST_SOURCE_LINE_FRAMER_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace weir {

// Cuts a byte stream into lines. A line ends with "\n", and a "\r" before that
// is not part of it. However the stream was cut into chunks, the same lines
// come out.
//
//   while (framer.Next(&chunk, &line)) lines.push_back(line);
//
// A line that is whole in its chunk is a view into the chunk: nothing is
// copied. Only what a chunk ends with, a line that has no end yet, is kept
// here until the next chunk has the rest.
//
// Empty lines are counted and skipped. So is a line longer than the limit, of
// which no more than the limit is ever kept: one bad line never ends a stream.
//
// Not thread-safe.
class LineFramer {
 public:
  // What was skipped, and why. Never goes back.
  struct Skipped {
    uint64_t empty = 0;
    uint64_t too_long = 0;
    uint64_t partial = 0;  // Lines that a connection ended in.
  };

  // RIS Live's longest possible line is about 1.4 MB: an extended BGP message
  // of 65,535 bytes (RFC 8654) as JSON, with its own bytes as hexadecimal.
  static constexpr size_t kDefaultMaxLineBytes = 2 << 20;

  // `max_line_bytes` does not count the line's end.
  explicit LineFramer(size_t max_line_bytes = kDefaultMaxLineBytes)
      : max_line_bytes_(max_line_bytes) {}

  // Takes the next line off the front of `chunk` and puts it into `line`.
  // Returns false, with `chunk` empty, once the chunk has no further line end.
  // A new chunk may then follow.
  //
  // `line` is valid for as long as the chunk's bytes are, and until Next was
  // first called with the chunk after it.
  bool Next(absl::string_view* chunk, absl::string_view* line);

  // Says that the connection is gone: what was kept of an unfinished line is
  // dropped and counted, and the next chunk begins a new line.
  void DropPartial();

  // Says that a file ends here: puts what has no line end into `line`, valid as
  // above. Returns false if there is nothing.
  bool TakeRest(absl::string_view* line);

  const Skipped& skipped() const { return skipped_; }

 private:
  // Whether a line of these bytes, its "\n" removed, is one to hand out.
  bool Finish(absl::string_view* line);
  void Keep(absl::string_view tail);

  const size_t max_line_bytes_;
  // The line that has no end yet, and the one before it that was last handed
  // out and may still be in use.
  std::string partial_, handed_out_;
  bool skipping_ = false;  // In the middle of a line that is too long.
  Skipped skipped_;
};

}  // namespace weir

#endif  // WEIR_HOST_SOURCE_LINE_FRAMER_H_
