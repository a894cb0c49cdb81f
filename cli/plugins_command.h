#ifndef WEIR_CLI_PLUGINS_COMMAND_H_
#define WEIR_CLI_PLUGINS_COMMAND_H_

#include <string>

#include "cli/session.h"

namespace weir::cli {

// weir plugins list: all slots as rows, or with session.json one weir.v1.Plugin
// a line. Returns the exit code, as all of these.
int RunPluginsList(Session& session);

// weir plugins get NAME: all that is known of one. `name` is "counts" or
// "plugins/counts".
int RunPluginsGet(const std::string& name, Session& session);

}  // namespace weir::cli

#endif  // WEIR_CLI_PLUGINS_COMMAND_H_
