#include "cli/watch_command.h"

#include <optional>
#include <utility>

#include "lib/client/event_client.h"

namespace weir::cli {

int RunWatch(const WatchArguments& arguments, Session& session) {
  weir::v1::SubscribeRequest request;
  *request.mutable_start() = arguments.start;
  if (std::optional<weir::v1::EventFilter> filter =
          ToFilter(arguments.filter)) {
    *request.add_filters() = *std::move(filter);
  }
  request.set_stop_at_latest(arguments.stop_at_latest);
  request.set_client_name("weir watch");
  client::EventClientOptions options;
  options.request = std::move(request);
  options.first_connect_must_work = !arguments.wait;
  return Follow(std::move(options), arguments.follow, session);
}

}  // namespace weir::cli
