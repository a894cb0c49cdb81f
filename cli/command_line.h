#ifndef WEIR_CLI_COMMAND_LINE_H_
#define WEIR_CLI_COMMAND_LINE_H_

#include <string>
#include <vector>

#include "cli/session.h"

namespace weir::cli {

// The version that --version prints.
constexpr char kVersion[] = "0.1.0";

// Runs one command line, without the program's name, in `session`; options fill
// in its server and json. Returns the exit code: kUsageError for a line that
// names no command, or an option or a value that there is not; session.err then
// says which, and which values there are.
int RunCommandLine(std::vector<std::string> arguments, Session& session);

}  // namespace weir::cli

#endif  // WEIR_CLI_COMMAND_LINE_H_
