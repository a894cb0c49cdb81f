#ifndef WEIR_CLI_PLUGIN_FUZZ_COMMAND_H_
#define WEIR_CLI_PLUGIN_FUZZ_COMMAND_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "cli/session.h"

namespace weir::cli {

struct PluginFuzzArguments {
  std::string file;              // the plugin
  std::string config;            // a file; empty: {}
  std::string from;              // messages to begin with; empty: some of each
  std::optional<uint64_t> seed;  // nothing: by chance
  uint64_t runs = 0;             // 0: until the time is over
  int64_t seconds = 0;           // 0: 60, or no limit if there are runs
  absl::Duration timeout = absl::Seconds(1);  // of one input
  std::string out = ".";                      // where what it finds is written
};

// weir plugin fuzz FILE: has weir-plugin-runner give a plugin messages that no
// source has sent, in children, and prints what it comes to harm by as soon as
// that is known; with session.json, what the runner says, one object a line
// (see runner/fuzz/fuzz_main.h). Asks no server.
//
// Returns kDone if nothing was found, kRefused if something was, kUsageError if
// it could not begin, and 130 after an interrupt.
int RunPluginFuzz(const PluginFuzzArguments& arguments, Session& session);

}  // namespace weir::cli

#endif  // WEIR_CLI_PLUGIN_FUZZ_COMMAND_H_
