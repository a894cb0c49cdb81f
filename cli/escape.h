#ifndef WEIR_CLI_ESCAPE_H_
#define WEIR_CLI_ESCAPE_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace weir::cli {

// Returns `text` with everything written out that a terminal would act upon
// instead of showing it: control characters (as \n, \t, \x1b), the C1 controls
// and the marks that change the direction of writing (as \u{202e}), and bytes
// that are not UTF-8 (as \xff). Other text, also in foreign scripts, stays.
//
// What comes from the network goes through this before it goes to a terminal:
// the subject of an event may have been chosen by whoever announced a prefix.
std::string Escape(absl::string_view text);

// How many characters `text` has, which must be what Escape returned: how wide
// it is on a terminal, but for scripts with wide or combining characters.
size_t Width(absl::string_view text);

}  // namespace weir::cli

#endif  // WEIR_CLI_ESCAPE_H_
