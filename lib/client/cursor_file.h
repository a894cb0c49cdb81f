#ifndef WEIR_LIB_CLIENT_CURSOR_FILE_H_
#define WEIR_LIB_CLIENT_CURSOR_FILE_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace weir::client {

// Keeps a client's cursor in a file of one line, so that its next run goes on
// where this one ended.
//
// The file is replaced as a whole: it holds the old cursor or the new one at
// every moment, also across a crash of the machine. One client at a time per
// file. Not thread-safe.
class CursorFile {
 public:
  // `path` need not exist yet; its folder must.
  explicit CursorFile(std::string path);

  // Returns the cursor, or nothing if there is no file yet. Returns
  // InvalidArgument if the file holds no cursor (empty, several lines, longer
  // than 256 bytes): nothing is guessed; delete it, or start from a position
  // given by hand. Returns another error, naming the path, if it is unreadable.
  absl::StatusOr<std::optional<std::string>> Load() const;

  // Replaces what the file holds. Returns the system's error with the path; the
  // file is then as it was.
  absl::Status Save(absl::string_view cursor);

  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

}  // namespace weir::client

#endif  // WEIR_LIB_CLIENT_CURSOR_FILE_H_
