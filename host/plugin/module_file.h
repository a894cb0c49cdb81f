#ifndef WEIR_HOST_PLUGIN_MODULE_FILE_H_
#define WEIR_HOST_PLUGIN_MODULE_FILE_H_

#include <sys/types.h>

#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "host/plugin/file_descriptor.h"

namespace weir {

// Opens the plugin at `path` for reading. It is opened once, and what is
// checked is the descriptor, so it does not matter what is put in its place
// meanwhile. A pipe or device is never opened.
//
// Of a file that is a link, what it leads to must lie below the file's folder,
// by a way that has no link in it once resolved, as the links of a ConfigMap do
// (x.so -> ..data/x.so, ..data -> ..2026_11_21). Each directory on that way
// obeys the rules of the folder: who can write one decides what is loaded. The
// folder may be a link itself, since the configuration names it.
//
// Returns:
//   Aborted           file.changing  replaced while it was opened
//   NotFound, ...     file.open      what the system said
//   PermissionDenied  file.owner, file.mode  see CheckOwner; of the file, its
//                                    folder, and the directories between
//   PermissionDenied  file.link      a link that leads out of its folder
//   InvalidArgument   file.type, file.size   see CheckModuleType
absl::StatusOr<FileDescriptor> OpenModuleFile(const std::string& path,
                                              absl::Span<const uid_t> owners);

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_MODULE_FILE_H_
