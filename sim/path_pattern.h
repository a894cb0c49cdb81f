#ifndef WEIR_SIM_PATH_PATTERN_H_
#define WEIR_SIM_PATH_PATTERN_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace weir::sim {

// Whether an AS path fits the `path` of a subscription: AS numbers that follow
// each other in it, separated by commas; "^" before them if they are to begin
// it, "$" after them if they are to end it; "!" before it all for the paths
// that do not. An AS_SET is an array of ascending numbers: "[789,10111]".
//
// `hops` are the elements of the path, an AS_SET as it stands in the JSON. No
// pattern, "", fits every path.
bool PathMatches(absl::string_view pattern,
                 const std::vector<std::string>& hops);

}  // namespace weir::sim

#endif  // WEIR_SIM_PATH_PATTERN_H_
