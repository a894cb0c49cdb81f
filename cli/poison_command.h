#ifndef WEIR_CLI_POISON_COMMAND_H_
#define WEIR_CLI_POISON_COMMAND_H_

#include <optional>
#include <string>

#include "absl/time/time.h"
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

struct PoisonTrial {
  std::string name;    // As above.
  std::string module;  // "counts_fixed.so"; empty: the code the slot has.
  std::optional<absl::Duration> deadline;
};

// weir plugins poison replay NAME: gives it to a fresh instance, and says what
// became of it, with what it would have emitted. Returns kRefused also if the
// handler did not come through, so that a script can tell.
int RunPoisonReplay(const PoisonTrial& trial, Session& session);

}  // namespace weir::cli

#endif  // WEIR_CLI_POISON_COMMAND_H_
