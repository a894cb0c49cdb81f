#ifndef WEIR_HOST_PLUGIN_FILE_RULES_H_
#define WEIR_HOST_PLUGIN_FILE_RULES_H_

#include <sys/stat.h>
#include <sys/types.h>

#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace weir {

// What a file must be before it may be a plugin. Both look at what a descriptor
// or a path was found to be, `status`, and name it `path` in their errors:
// "/x/a.so: file.mode: everybody may write it; ...".

// No plugin is near this, 256 MiB; it bounds what is read from a path gone
// wrong.
inline constexpr size_t kMaxModuleBytes = size_t{256} << 20;

// Returns InvalidArgument unless it is a regular file (file.type) of
// kMaxModuleBytes at most (file.size).
absl::Status CheckModuleType(const struct stat& status, absl::string_view path);

// Whoever can write a plugin, or its folder, runs code in the host. Returns
// PermissionDenied if everybody may write it (file.mode), or if none of
// `owners` owns it (file.owner).
absl::Status CheckOwner(const struct stat& status, absl::string_view path,
                        absl::Span<const uid_t> owners);

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_FILE_RULES_H_
