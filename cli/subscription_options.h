#ifndef WEIR_CLI_SUBSCRIPTION_OPTIONS_H_
#define WEIR_CLI_SUBSCRIPTION_OPTIONS_H_

#include "CLI/CLI.hpp"
#include "cli/subscriptions_command.h"

namespace weir::cli {

// What can be set of a subscription, filters excepted: --display-name,
// --max-unacked, --gap-policy, --idle-ttl, --label. Each fills in its field of
// `settings`, which outlives the parse; a value that cannot be is a
// CLI::ValidationError that names the option and the bound.
void AddSettingsOptions(CLI::App* command, SubscriptionSettings* settings);

}  // namespace weir::cli

#endif  // WEIR_CLI_SUBSCRIPTION_OPTIONS_H_
