#include "host/config/nearest_key.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace weir {
namespace {

// Levenshtein's distance, row by row.
size_t Distance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string NearestKey(absl::string_view key,
                       const std::vector<std::string>& known) {
  std::string nearest;
  size_t least = key.size() + 1;
  for (const std::string& candidate : known) {
    const size_t longer = std::max(key.size(), candidate.size());
    // Nothing can be near whose length alone is too far off.
    if (longer > 2 * std::min(key.size(), candidate.size())) continue;
    const size_t distance = Distance(key, candidate);
    if (distance <= longer / 2 && distance < least) {
      nearest = candidate;
      least = distance;
    }
  }
  return nearest;
}

}  // namespace weir
