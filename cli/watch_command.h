#ifndef WEIR_CLI_WATCH_COMMAND_H_
#define WEIR_CLI_WATCH_COMMAND_H_

#include "cli/filter_arguments.h"
#include "cli/follow.h"
#include "cli/session.h"
#include "weir/v1/event.pb.h"

namespace weir::cli {

struct WatchArguments {
  weir::v1::StartPosition start;  // unset = latest
  FilterArguments filter;
  bool stop_at_latest = false;
  // Try for ever when nothing listens at the start, instead of saying so.
  bool wait = false;
  FollowOptions follow;
};

// weir watch: follows the event log and resumes by itself (follow.h). Returns
// the exit code.
int RunWatch(const WatchArguments& arguments, Session& session);

}  // namespace weir::cli

#endif  // WEIR_CLI_WATCH_COMMAND_H_
