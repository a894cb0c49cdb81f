#include "sim/path_pattern.h"

#include <algorithm>

#include "absl/strings/strip.h"

namespace weir::sim {
namespace {

// The parts of `pattern` between the commas that are not in brackets.
std::vector<std::string> Parts(absl::string_view pattern) {
  std::vector<std::string> parts;
  if (pattern.empty()) return parts;
  parts.emplace_back();
  int depth = 0;
  for (const char c : pattern) {
    if (c == '[') ++depth;
    if (c == ']') --depth;
    if (c == ',' && depth == 0) {
      parts.emplace_back();
    } else {
      parts.back().push_back(c);
    }
  }
  return parts;
}

}  // namespace

bool PathMatches(absl::string_view pattern,
                 const std::vector<std::string>& hops) {
  if (pattern.empty()) return true;
  if (absl::ConsumePrefix(&pattern, "!")) return !PathMatches(pattern, hops);
  const bool first = absl::ConsumePrefix(&pattern, "^");
  const bool last = absl::ConsumeSuffix(&pattern, "$");
  const std::vector<std::string> parts = Parts(pattern);
  if (parts.size() > hops.size()) return false;
  const size_t slack = hops.size() - parts.size();
  for (size_t at = 0; at <= slack; ++at) {
    if ((first && at != 0) || (last && at != slack)) continue;
    if (std::equal(parts.begin(), parts.end(), hops.begin() + at)) return true;
  }
  return false;
}

}  // namespace weir::sim
