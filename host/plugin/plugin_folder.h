#ifndef WEIR_HOST_PLUGIN_PLUGIN_FOLDER_H_
#define WEIR_HOST_PLUGIN_PLUGIN_FOLDER_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "host/plugin/file_signature.h"

namespace weir {

// A file in a plugin folder that wants to be a plugin. A value.
struct PluginFile {
  std::string id;                // Of its slot: "origin-watch".
  std::string module;            // "origin_watch.so"
  std::string path;              // With its folder.
  absl::Status status;           // Why it must not be loaded; says what to do.
  FileSignature signature;       // Of what it leads to, if it is a link.
  FileSignature yaml_signature;  // Of origin_watch.yaml beside it.

  friend bool operator==(const PluginFile&, const PluginFile&) = default;
};

// What is in the plugin folders. A value.
struct PluginFolderContents {
  std::vector<PluginFile> files;     // By id; those that are refused, too.
  std::vector<std::string> notices;  // What was passed over, and why.

  friend bool operator==(const PluginFolderContents&,
                         const PluginFolderContents&) = default;
};

// The slot of a module: its stem with "_" written "-". Empty if `module` is not
// [a-z0-9][a-z0-9_-]*.so, 63 bytes of stem at most.
std::string PluginIdOf(absl::string_view module);

// Reads `folders`: names and signatures, no file's bytes. For the same id, a
// later folder wins over an earlier one. A folder that is not there is empty.
// Only names as PluginIdOf has them count; what else ends in .so gets a notice,
// and the rest is none of ours.
//
// Whoever can write a file here runs code in the host. So a file is refused
// with PermissionDenied if others than its owner's group can write it or its
// folder, or if one of the two is owned by none of `owners` (root and the
// host's own user). What is no regular file is refused with InvalidArgument,
// and two names in one folder that make the same id with AlreadyExists. This is
// for telling early: ModuleStore::Add decides, on the file that it opened.
PluginFolderContents ReadPluginFolders(const std::vector<std::string>& folders,
                                       const std::vector<uid_t>& owners);

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_PLUGIN_FOLDER_H_
