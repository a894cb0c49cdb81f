#ifndef WEIR_CLI_FOLLOW_H_
#define WEIR_CLI_FOLLOW_H_

#include <cstdint>
#include <string>

#include "cli/session.h"
#include "lib/client/event_client.h"

namespace weir::cli {

// How a followed stream is shown, and when it is enough.
struct FollowOptions {
  // Ends after so many events; 0 = never.
  uint64_t limit = 0;
  // Where to keep the cursor; empty = nowhere.
  std::string cursor_file;
};

// Follows events until Ctrl-C, the limit, or the end of the stream, and prints
// each; returns the exit code. Gaps and notices stand on lines of their own,
// which begin with "--"; that it reconnects goes to session.err.
//
// With session.json each line is a weir.v1.Event, or an object with the one key
// "gap", "notice" or "caught_up", which hold what SubscribeResponse has under
// these names. An event whose payload is an Any shows it as `binary`, with the
// type's URL in `data_schema`.
int Follow(client::EventClientOptions request, const FollowOptions& options,
           Session& session);

}  // namespace weir::cli

#endif  // WEIR_CLI_FOLLOW_H_
