#ifndef WEIR_SIM_RIS_LINE_H_
#define WEIR_SIM_RIS_LINE_H_

#include <string>

#include "absl/strings/string_view.h"
#include "sim/ris_message.h"

namespace weir::sim {

// The word for `type` on the wire: "UPDATE", "STATE".
absl::string_view TypeName(RisType type);

// Appends `message` to `out` as one line, new-line included, exactly as RIS
// Live writes it today: no white space, always the same order of keys, the
// timestamp with three decimals, an id of `<peer>-<12 hex: ms since 1970><4
// hex: sequence>`, the AS number of the peer as a string, IPv6 withdrawals in
// the long form, a global and a link-local next hop joined by a comma, `raw`
// last and in upper case.
void AppendRisLine(const RisMessage& message, std::string& out);

}  // namespace weir::sim

#endif  // WEIR_SIM_RIS_LINE_H_
