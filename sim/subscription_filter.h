#ifndef WEIR_SIM_SUBSCRIPTION_FILTER_H_
#define WEIR_SIM_SUBSCRIPTION_FILTER_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sim/ip_prefix.h"

namespace weir::sim {

// What a client asked for in its header X-RIS-Subscribe:
//
//   {"host":"rrc21","type":"UPDATE","require":"announcements",
//    "peer":"198.51.100.10","path":"64504,64496$","prefix":"192.0.2.0/24",
//    "moreSpecific":true,"lessSpecific":false,
//    "socketOptions":{"includeRaw":true}}
//
// Everything may be absent; a message has to meet all that is there. It is
// delivered whole, with all its prefixes, if one of them is wanted. Immutable.
class SubscriptionFilter {
 public:
  // Returns InvalidArgument, naming the key, for what is no JSON object, for a
  // key that RIS Live does not have, and for a value of the wrong kind.
  // `prefix` may be an array; `includeRaw` may be at the top, too.
  static absl::StatusOr<SubscriptionFilter> Parse(absl::string_view json);

  // Whether `line`, in today's format, is wanted. A line that is no ris_message
  // always is.
  bool Matches(absl::string_view line) const;

  // Whether `raw` is to be left in. Without the header it always is.
  bool include_raw() const { return include_raw_; }

 private:
  friend struct FilterReader;

  bool MatchesPrefix(const IpPrefix& prefix) const;

  // Empty: every one is wanted.
  std::string host_;
  std::string type_;
  std::string require_;
  std::optional<IpPrefix> peer_;
  std::string path_;
  std::vector<IpPrefix> prefixes_;
  bool more_specific_ = true;
  bool less_specific_ = false;
  bool include_raw_ = false;
};

}  // namespace weir::sim

#endif  // WEIR_SIM_SUBSCRIPTION_FILTER_H_
