#ifndef WEIR_CLI_POISON_COMMAND_H_
#define WEIR_CLI_POISON_COMMAND_H_

#include <string>

#include "cli/session.h"

namespace weir::cli {

// The messages that plugins died of. Each returns the exit code.

// weir plugins poison list [PLUGIN]: as rows, newest first, or with
// session.json one weir.v1.PoisonMessage a line. `plugin` is "counts" or
// "plugins/counts"; empty: of all.
int RunPoisonList(const std::string& plugin, Session& session);

// weir plugins poison get NAME: all that is kept of one, its payload last.
// `name` is as the list has it, "counts/7", or
// "plugins/counts/poisonMessages/7". With a `payload_file` the payload is
// written there, byte by byte, and not shown.
int RunPoisonGet(const std::string& name, const std::string& payload_file,
                 Session& session);

}  // namespace weir::cli

#endif  // WEIR_CLI_POISON_COMMAND_H_
