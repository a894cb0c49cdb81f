#ifndef WEIR_SIM_OLD_FORMAT_H_
#define WEIR_SIM_OLD_FORMAT_H_

#include <string>

#include "absl/strings/string_view.h"

namespace weir::sim {

// Returns `line`, one line of today's format, as RIS Live wrote it in 2019,
// new-line included:
//
//   - timestamps have one or two decimals, ids are `<peer>-<timestamp>-<n>`
//   - `raw` stands after `id`
//   - `host` is short: "rrc01"
//   - STATE is RIS_PEER_STATE
//   - `origin` is in lower case, a `med` of 0 is absent
//   - empty `path`, `community`, `announcements`, `withdrawals` are absent
//   - a next hop of two addresses is two groups of the same prefixes
//   - IPv6 withdrawals are in the short form
//   - the `data` of a notification is hexadecimal
//
// A line that is no ris_message, or that cannot be read, is returned as it is.
std::string ToOldFormat(absl::string_view line);

}  // namespace weir::sim

#endif  // WEIR_SIM_OLD_FORMAT_H_
