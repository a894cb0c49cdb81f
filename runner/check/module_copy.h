#ifndef WEIR_RUNNER_CHECK_MODULE_COPY_H_
#define WEIR_RUNNER_CHECK_MODULE_COPY_H_

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "host/plugin/file_descriptor.h"
#include "runner/check/check.h"

namespace weir {

// What is checked: the bytes of a plugin as they were read once, in memory that
// nobody can write any more. So it is one and the same file that all checks
// see, whatever becomes of the one on the disk. Movable.
struct ModuleCopy {
  FileDescriptor file;  // A sealed memfd; empty if there was nothing to read.
  // What the file checks came to, by id.
  std::map<std::string, Verdict> verdicts;

  // Reads `path`, through links. `name` is what the host would see it under,
  // "x.so". A device or pipe is never opened.
  //
  // Returns what the system said, after the path, if there is no such file or
  // it cannot be opened.
  static absl::StatusOr<ModuleCopy> Read(const std::string& path,
                                         absl::string_view name);
};

// A memfd that holds `bytes`.
absl::StatusOr<FileDescriptor> MemoryFile(const char* name,
                                          absl::string_view bytes);

}  // namespace weir

#endif  // WEIR_RUNNER_CHECK_MODULE_COPY_H_
