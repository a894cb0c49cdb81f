#ifndef WEIR_CLI_PLUGIN_TEMPLATE_FILES_H_
#define WEIR_CLI_PLUGIN_TEMPLATE_FILES_H_

#include <span>

#include "absl/strings/string_view.h"

namespace weir::cli {

// A file of cli/templates/, as it was when the client was built: a plugin that
// builds, of the name "example-plugin".
struct PluginTemplateFile {
  absl::string_view language;  // "c" or "cpp"
  absl::string_view path;      // in the plugin's folder
  absl::string_view text;
};

// All of them, by language. Static storage.
std::span<const PluginTemplateFile> PluginTemplateFiles();

}  // namespace weir::cli

#endif  // WEIR_CLI_PLUGIN_TEMPLATE_FILES_H_
