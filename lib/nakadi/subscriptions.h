#ifndef WEIR_LIB_NAKADI_SUBSCRIPTIONS_H_
#define WEIR_LIB_NAKADI_SUBSCRIPTIONS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/nakadi/http_transfer.h"
#include "lib/nakadi/options.h"

namespace weir::nakadi {

// What a subscription is found by, and made with.
struct SubscriptionSpec {
  std::string owning_application;
  std::vector<std::string> event_types;  // In any order.
  std::string consumer_group;            // Empty: "default".
  // "begin" or "end": where a new one starts; an existing one goes on.
  std::string read_from;
};

// Makes the subscription, or finds it if there is one with this application,
// event types and group. Returns its id.
//
// Returns an error as error.h says, and DataLoss if the answer has no id.
absl::StatusOr<std::string> CreateOrFind(const SubscriptionSpec& spec,
                                         const ClientOptions& client,
                                         HttpTransfer& transfer);

}  // namespace weir::nakadi

#endif  // WEIR_LIB_NAKADI_SUBSCRIPTIONS_H_
