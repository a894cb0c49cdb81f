#ifndef WEIR_CLI_STATS_COMMAND_H_
#define WEIR_CLI_STATS_COMMAND_H_

#include <string>

#include "absl/time/time.h"
#include "cli/session.h"

namespace weir::cli {

struct StatsArguments {
  bool watch = false;
  std::string plugin;  // Short or full name: this one only. Empty: all.
  // Between two snapshots, with `watch`: 100 ms to 1 h, as the server allows.
  absl::Duration interval = absl::Seconds(1);
};

// weir stats: prints one snapshot of the host's statistics, or with `watch` one
// per interval until Ctrl-C: over the one before on a terminal, and with an
// empty line between them elsewhere. With session.json each is one line, a
// weir.v1.Stats. With `plugin`, only that one's, as a weir.v1.PluginStats; an
// error if there is none. Returns the exit code.
int RunStats(const StatsArguments& arguments, Session& session);

}  // namespace weir::cli

#endif  // WEIR_CLI_STATS_COMMAND_H_
