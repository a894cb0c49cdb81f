#ifndef WEIR_HOST_CONFIG_READ_CONFIG_FILE_H_
#define WEIR_HOST_CONFIG_READ_CONFIG_FILE_H_

#include <string>

#include "absl/status/statusor.h"

namespace weir {

// Returns the text of the file at `path`, a pipe's up to its end. The messages
// do not repeat the path; they go after it.
//
// Returns NotFound if there is no such file; FailedPrecondition if it is a
// directory; PermissionDenied if it must not be read; InvalidArgument if it is
// larger than kMaxConfigBytes; and for everything else what errno says.
absl::StatusOr<std::string> ReadConfigFile(const std::string& path);

}  // namespace weir

#endif  // WEIR_HOST_CONFIG_READ_CONFIG_FILE_H_
