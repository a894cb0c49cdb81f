#include "host/config/nearest_key.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace weir {
namespace {

// How many characters to insert, remove, replace, or swap with the next, to
// make `b` of `a`: row by row, each from the two above it.
size_t Distance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  std::vector<size_t> above = row;
  for (size_t i = 1; i <= a.size(); ++i) {
    const std::vector<size_t> above_that = std::exchange(above, row);
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replaced, above[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], above_that[j - 2] + 1);
      }
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
