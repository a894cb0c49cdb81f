#ifndef WEIR_HOST_BROKER_SUBSCRIPTION_SETTINGS_H_
#define WEIR_HOST_BROKER_SUBSCRIPTION_SETTINGS_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/broker/faults.h"
#include "host/control/subscriptions.h"

namespace weir {

// Unused for so long, a subscription that says nothing else is deleted.
inline constexpr absl::Duration kDefaultIdleTtl = absl::Hours(7 * 24);

// Adds INVALID_FIELD of `subscription_id` to `faults` unless `id` is
// [a-z]([a-z0-9-]{0,61}[a-z0-9])?.
void CheckSubscriptionId(absl::string_view id, Faults* faults);

// Adds what is wrong with what can be set, filters excepted: INVALID_FIELD for
// a display name of more than 128 bytes, more than 32 labels, more than
// 1,000,000 unacknowledged events or a negative idle_ttl.
void CheckSettings(const Subscription& settings, Faults* faults);

// Puts the defaults where nothing is set.
void SetDefaults(Subscription* settings);

// Over what can be set: changes when any of it does. The same on every machine,
// for ever.
std::string EtagOf(const Subscription& settings);

// Copies what `fields` names from one to the other.
void Change(const Subscription& from, SubscriptionFields fields,
            Subscription* to);

}  // namespace weir

#endif  // WEIR_HOST_BROKER_SUBSCRIPTION_SETTINGS_H_
