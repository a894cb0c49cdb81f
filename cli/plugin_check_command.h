#ifndef WEIR_CLI_PLUGIN_CHECK_COMMAND_H_
#define WEIR_CLI_PLUGIN_CHECK_COMMAND_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "cli/session.h"

namespace weir::cli {

struct PluginCheckArguments {
  std::string file;                  // the plugin
  std::string config;                // a file; empty: {}
  std::vector<std::string> include;  // regular expressions; empty: all checks
  std::vector<std::string> exclude;
  absl::Duration timeout = absl::Seconds(15);  // of each check
  bool fix_hints = false;
  std::string replay;      // a recording, or poison messages; empty: none
  std::string in_process;  // the id of one check; empty: all in children
};

// weir plugin check FILE: has weir-plugin-runner look at a plugin, each check
// in a process of its own, and prints what each comes to as soon as it is
// known; with session.json, what the runner says, one object a line (see
// runner/check/check_main.h). Asks no server, and runs none of the plugin's
// code in this process.
//
// Returns kDone if no check failed, kRefused if one did, and kUsageError if
// nothing could be checked: no such file, no runner, a configuration that is
// none. An interrupt ends it, and all that it started.
//
// With `in_process` this process becomes the runner, which then runs that one
// check itself.
int RunPluginCheck(const PluginCheckArguments& arguments, Session& session);

}  // namespace weir::cli

#endif  // WEIR_CLI_PLUGIN_CHECK_COMMAND_H_
