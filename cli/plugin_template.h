#ifndef WEIR_CLI_PLUGIN_TEMPLATE_H_
#define WEIR_CLI_PLUGIN_TEMPLATE_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace weir::cli {

// The plugin's note, which the host reads first, has 64 bytes for it, and the
// last of them is 0.
constexpr size_t kMaxPluginName = 63;

// One name in the forms that a plugin needs it in. The host tells plugins apart
// by the file's stem, in which it reads "_" as "-".
struct PluginNames {
  std::string id;          // "peer-watch": in commands and events
  std::string stem;        // "peer_watch": of files
  std::string class_name;  // "PeerWatch": in the code; "Plugin3" for "3"
};

// The forms of `name`, which is 1 to kMaxPluginName of [a-z0-9_-] and begins
// with a letter or a digit; else returns InvalidArgument, with a name that
// would do if there is one.
absl::StatusOr<PluginNames> MakePluginNames(absl::string_view name);

// A file to write.
struct NewFile {
  std::string path;  // in the plugin's folder
  std::string text;
};

// The files of a new plugin in `language`, "c" or "cpp"; none for any other.
std::vector<NewFile> FillPluginTemplate(absl::string_view language,
                                        const PluginNames& names);

}  // namespace weir::cli

#endif  // WEIR_CLI_PLUGIN_TEMPLATE_H_
