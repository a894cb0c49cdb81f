#ifndef WEIR_CLI_INFO_COMMAND_H_
#define WEIR_CLI_INFO_COMMAND_H_

#include "cli/session.h"

namespace weir::cli {

// weir log: the bounds of the event log, a weir.v1.LogInfo. Returns the exit
// code.
int RunLog(Session& session);

// weir info: what the server is and can, a weir.v1.ServerInfo. Returns the exit
// code.
int RunInfo(Session& session);

}  // namespace weir::cli

#endif  // WEIR_CLI_INFO_COMMAND_H_
