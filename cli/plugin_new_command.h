#ifndef WEIR_CLI_PLUGIN_NEW_COMMAND_H_
#define WEIR_CLI_PLUGIN_NEW_COMMAND_H_

#include <string>

#include "cli/session.h"

namespace weir::cli {

struct PluginNewArguments {
  std::string name;              // as MakePluginNames takes it
  std::string language = "cpp";  // or "c"
  std::string directory = ".";   // where the folder is made; must exist
};

// weir plugin new NAME: writes a plugin that builds and runs to a new folder
// DIRECTORY/NAME, and says what to do next; with session.json, an object with
// the folder and its files. Asks no server. Returns kUsageError for a name that
// is none, and kRefused if the folder exists already or cannot be written; what
// it had written by then it removes.
int RunPluginNew(const PluginNewArguments& arguments, Session& session);

}  // namespace weir::cli

#endif  // WEIR_CLI_PLUGIN_NEW_COMMAND_H_
