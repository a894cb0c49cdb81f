#ifndef WEIR_HOST_BROKER_PREFIX_SET_H_
#define WEIR_HOST_BROKER_PREFIX_SET_H_

#include <bitset>
#include <string>
#include <vector>

#include "host/control/event_filter.h"
#include "weir/message_fields.h"

namespace weir {

// A set of prefixes that can be asked how another one stands to them. A
// question costs one binary search for each prefix length in the set, however
// many prefixes it has. Immutable.
class PrefixSet {
 public:
  PrefixSet() = default;

  // Of canonical prefixes; repeated ones count once.
  explicit PrefixSet(std::vector<weir_prefix> prefixes);

  // Whether `prefix` stands in the relation `match` to any of the set. Families
  // never match each other.
  bool Matches(const weir_prefix& prefix, PrefixMatch match) const;

  bool empty() const { return sorted_.empty(); }

  // Equal for equal sets, and for no others.
  std::string Canonical() const;

 private:
  bool Has(const weir_prefix& prefix) const;
  bool HasSameOrCovering(const weir_prefix& prefix) const;
  bool HasSameOrInside(const weir_prefix& prefix) const;

  std::vector<weir_prefix> sorted_;  // By family, address, length.
  std::bitset<129> lengths_;         // Those that occur.
};

}  // namespace weir

#endif  // WEIR_HOST_BROKER_PREFIX_SET_H_
