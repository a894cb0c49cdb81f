#ifndef WEIR_CLI_SUBSCRIPTIONS_COMMAND_H_
#define WEIR_CLI_SUBSCRIPTIONS_COMMAND_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "cli/filter_arguments.h"
#include "cli/follow.h"
#include "cli/session.h"
#include "weir/v1/event.pb.h"

namespace weir::cli {

// What can be set of a subscription. What is not set is the server's default
// when one is created, and stays as it is in an update.
struct SubscriptionSettings {
  FilterArguments filter;
  std::optional<std::string> display_name;
  std::optional<uint64_t> max_unacked_events;
  std::optional<weir::v1::GapPolicy> gap_policy;
  std::optional<absl::Duration> idle_ttl;  // 0 = never
  std::optional<std::map<std::string, std::string>> labels;
};

struct CreateSubscriptionArguments {
  std::string name;
  weir::v1::StartPosition start;  // unset = latest
  SubscriptionSettings settings;
};

struct UpdateSubscriptionArguments {
  std::string name;
  SubscriptionSettings settings;
  bool all_events = false;  // Remove all filters.
  std::string etag;         // Empty = whatever it is now.
};

struct SeekSubscriptionArguments {
  std::string name;
  weir::v1::StartPosition start;
};

struct ConsumeArguments {
  std::string name;
  // Detach another consumer that holds the subscription.
  bool takeover = false;
  // The server acknowledges what it sends: at most once.
  bool auto_ack = false;
  FollowOptions follow;
};

// weir subscriptions list | get | create | update | seek | delete: all return
// the exit code. A name is "noc" or "subscriptions/noc". With session.json a
// subscription is one weir.v1.Subscription a line.
int RunSubscriptionsList(Session& session);
int RunSubscriptionsGet(const std::string& name, Session& session);
int RunSubscriptionsCreate(const CreateSubscriptionArguments& arguments,
                           Session& session);
int RunSubscriptionsUpdate(const UpdateSubscriptionArguments& arguments,
                           Session& session);
int RunSubscriptionsSeek(const SeekSubscriptionArguments& arguments,
                         Session& session);
int RunSubscriptionsDelete(const std::string& name, Session& session);

// weir subscriptions consume: prints what comes after the acknowledged cursor,
// and acknowledges what is printed (follow.h).
int RunSubscriptionsConsume(const ConsumeArguments& arguments,
                            Session& session);

}  // namespace weir::cli

#endif  // WEIR_CLI_SUBSCRIPTIONS_COMMAND_H_
