#ifndef WEIR_CLI_RESOURCE_NAME_H_
#define WEIR_CLI_RESOURCE_NAME_H_

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace weir::cli {

// "plugins/counts" for "counts" in `collection` "plugins/", and for itself:
// people type the short name, and paste the long one.
inline std::string ResourceName(absl::string_view collection,
                                absl::string_view name) {
  return absl::StartsWith(name, collection) ? std::string(name)
                                            : absl::StrCat(collection, name);
}

// The reverse: "counts".
inline std::string ShortName(absl::string_view collection,
                             absl::string_view name) {
  return std::string(absl::StripPrefix(name, collection));
}

}  // namespace weir::cli

#endif  // WEIR_CLI_RESOURCE_NAME_H_
