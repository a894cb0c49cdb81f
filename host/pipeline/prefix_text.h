#ifndef WEIR_HOST_PIPELINE_PREFIX_TEXT_H_
#define WEIR_HOST_PIPELINE_PREFIX_TEXT_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "weir/message_fields.h"

namespace weir {

// Reads "192.0.2.0/24" or "2001:db8::/32". Returns nullopt for anything else;
// host bits may be set.
std::optional<weir_prefix> ParsePrefix(absl::string_view text);

// Writes `prefix` as RFC 5952 has it: "192.0.2.0/24", "2001:db8::/32".
std::string PrefixText(const weir_prefix& prefix);

}  // namespace weir

#endif  // WEIR_HOST_PIPELINE_PREFIX_TEXT_H_
