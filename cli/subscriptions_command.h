#ifndef WEIR_CLI_SUBSCRIPTIONS_COMMAND_H_
#define WEIR_CLI_SUBSCRIPTIONS_COMMAND_H_

#include <cstdint>
#include <string>

#include "cli/filter_arguments.h"
#include "cli/follow.h"
#include "cli/session.h"
#include "weir/v1/event.pb.h"

namespace weir::cli {

struct CreateSubscriptionArguments {
  std::string name;
  weir::v1::StartPosition start;  // unset = latest
  FilterArguments filter;
  uint64_t max_unacked_events = 0;  // 0 = the server's default
};

struct ConsumeArguments {
  std::string name;
  // Detach another consumer that holds the subscription.
  bool takeover = false;
  // The server acknowledges what it sends: at most once.
  bool auto_ack = false;
  FollowOptions follow;
};

// weir subscriptions list | get | create | delete: all return the exit code. A
// name is "noc" or "subscriptions/noc". With session.json a subscription is one
// weir.v1.Subscription a line.
int RunSubscriptionsList(Session& session);
int RunSubscriptionsGet(const std::string& name, Session& session);
int RunSubscriptionsCreate(const CreateSubscriptionArguments& arguments,
                           Session& session);
int RunSubscriptionsDelete(const std::string& name, Session& session);

// weir subscriptions consume: prints what comes after the acknowledged cursor,
// and acknowledges what is printed (follow.h).
int RunSubscriptionsConsume(const ConsumeArguments& arguments,
                            Session& session);

}  // namespace weir::cli

#endif  // WEIR_CLI_SUBSCRIPTIONS_COMMAND_H_
