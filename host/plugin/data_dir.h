#ifndef WEIR_HOST_PLUGIN_DATA_DIR_H_
#define WEIR_HOST_PLUGIN_DATA_DIR_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace weir {

// Makes the data directory of the slot `id`, mode 0700, if it is not there:
//
//   <state_dir>/plugins/<id>/data
//
// What a plugin keeps there outlives it, its upgrades and the host; nobody but
// an operator ever removes it. Returns its absolute path, or Unavailable with
// the system's reason.
absl::StatusOr<std::string> MakeDataDir(const std::string& state_dir,
                                        absl::string_view id);

}  // namespace weir

#endif  // WEIR_HOST_PLUGIN_DATA_DIR_H_
