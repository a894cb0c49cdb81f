#ifndef WEIR_HOST_PLUGIN_PRIVATE_COPY_H_
#define WEIR_HOST_PLUGIN_PRIVATE_COPY_H_

#include <string>

#include "absl/status/statusor.h"

namespace weir {

// A plugin's file, copied to where nobody else writes, as it was at one moment.
// Whoever overwrites or cuts the original later changes nothing: that would
// kill the host at the next call into a library mapped from there. A value.
struct PrivateCopy {
  // No plugin is near this; it bounds what is read from a path gone wrong.
  static constexpr size_t kMaxBytes = 256 << 20;

  std::string path;    // Of the copy, mode 0500.
  std::string sha256;  // Of the bytes, lower-case hex.
  std::string bytes;   // What was copied, for the checks.
};

// Copies the file at `from` to `to`, a path that no library was ever loaded
// from in this process: the loader takes one path for one library. What is left
// at `to` from an earlier process is replaced. Hashes what it copies, so the
// digest is that of the copy, whatever happens to the original meanwhile.
//
// Returns InvalidArgument, with a check as ElfReport has them, if `from` is no
// regular file (file.type) or larger than kMaxBytes (file.size); the error of
// the system (file.open, file.read) if it cannot be read; and Unavailable if
// `to` cannot be written.
absl::StatusOr<PrivateCopy> CopyPrivately(const std::string& from,
                                          const std::string& to);

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_PRIVATE_COPY_H_
