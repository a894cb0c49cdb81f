#include "host/broker/prefix_set.h"

#include <algorithm>
#include <cstring>
#include <tuple>
#include <utility>

namespace weir {
namespace {

int Compare(const weir_prefix& a, const weir_prefix& b) {
  if (a.family != b.family) return a.family < b.family ? -1 : 1;
  const int address = std::memcmp(a.bytes, b.bytes, sizeof(a.bytes));
  if (address != 0) return address;
  return static_cast<int>(a.length) - static_cast<int>(b.length);
}

bool Less(const weir_prefix& a, const weir_prefix& b) {
  return Compare(a, b) < 0;
}

// The first `length` bits of `prefix`.
weir_prefix Cut(weir_prefix prefix, int length) {
  prefix.length = static_cast<uint8_t>(length);
  int byte = length / 8;
  if (length % 8 != 0) {
    prefix.bytes[byte] &= static_cast<uint8_t>(0xff00 >> (length % 8));
    ++byte;
  }
  std::fill(prefix.bytes + byte, prefix.bytes + sizeof(prefix.bytes), 0);
  return prefix;
}

}  // namespace

PrefixSet::PrefixSet(std::vector<weir_prefix> prefixes)
    : sorted_(std::move(prefixes)) {
  std::sort(sorted_.begin(), sorted_.end(), Less);
  sorted_.erase(std::unique(sorted_.begin(), sorted_.end(),
                            [](const weir_prefix& a, const weir_prefix& b) {
                              return Compare(a, b) == 0;
                            }),
                sorted_.end());
  for (const weir_prefix& prefix : sorted_) lengths_.set(prefix.length);
}

bool PrefixSet::Matches(const weir_prefix& prefix, PrefixMatch match) const {
  switch (match) {
    case PrefixMatch::kExact:
      return Has(prefix);
    case PrefixMatch::kMoreSpecific:
      return HasSameOrCovering(prefix);
    case PrefixMatch::kLessSpecific:
      return HasSameOrInside(prefix);
    case PrefixMatch::kOverlapping:
      return HasSameOrCovering(prefix) || HasSameOrInside(prefix);
  }
  return false;
}

bool PrefixSet::Has(const weir_prefix& prefix) const {
  return std::binary_search(sorted_.begin(), sorted_.end(), prefix, Less);
}

bool PrefixSet::HasSameOrCovering(const weir_prefix& prefix) const {
  for (int length = 0; length <= prefix.length; ++length) {
    if (lengths_[length] && Has(Cut(prefix, length))) return true;
  }
  return false;
}

bool PrefixSet::HasSameOrInside(const weir_prefix& prefix) const {
  // What lies inside follows the prefix itself in this order.
  const auto at =
      std::lower_bound(sorted_.begin(), sorted_.end(), prefix, Less);
  return at != sorted_.end() && at->family == prefix.family &&
         at->length >= prefix.length &&
         Compare(Cut(*at, prefix.length), prefix) == 0;
}

std::string PrefixSet::Canonical() const {
  std::string out;
  for (const weir_prefix& prefix : sorted_) {
    out.push_back(static_cast<char>(prefix.family));
    out.push_back(static_cast<char>(prefix.length));
    out.append(reinterpret_cast<const char*>(prefix.bytes),
               sizeof(prefix.bytes));
  }
  return out;
}

}  // namespace weir
