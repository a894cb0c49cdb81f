#ifndef WEIR_HOST_SOURCE_RECORDING_FILE_H_
#define WEIR_HOST_SOURCE_RECORDING_FILE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace weir {

// The bytes of a recording, unpacked while they are read: ".zst" by libzstd,
// ".gz" by zlib, anything else as it is. Files of several frames or members one
// after another, as rotation and `cat` make them, are one recording.
//
// Not thread-safe.
class RecordingFile {
 public:
  // Opens `path`.
  //
  // Returns NotFound, PermissionDenied or FailedPrecondition, naming the path,
  // if it cannot be read.
  static absl::StatusOr<std::unique_ptr<RecordingFile>> Open(
      const std::string& path);

  virtual ~RecordingFile() = default;

  // Reads up to `size` unpacked bytes. Returns how many; 0 at the end.
  //
  // Returns DataLoss, naming the file and the place in it, if what is packed is
  // damaged or cut short, and Unavailable if the disk gives an error.
  virtual absl::StatusOr<size_t> Read(char* buffer, size_t size) = 0;

 protected:
  RecordingFile() = default;
};

}  // namespace weir

#endif  // WEIR_HOST_SOURCE_RECORDING_FILE_H_
