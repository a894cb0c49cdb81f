#ifndef WEIR_HOST_CONFIG_NEAREST_KEY_H_
#define WEIR_HOST_CONFIG_NEAREST_KEY_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace weir {

// Returns which of `known` whoever wrote `key` most likely meant, or "" if none
// is near: at most half of the longer one's characters have to be inserted,
// removed, replaced, or swapped with the next. The first of several equally
// near ones.
//
// For keys of a file, some dozen characters long; takes time and memory in
// proportion to the product of the lengths. Pure.
std::string NearestKey(absl::string_view key,
                       const std::vector<std::string>& known);

}  // namespace weir

#endif  // WEIR_HOST_CONFIG_NEAREST_KEY_H_
