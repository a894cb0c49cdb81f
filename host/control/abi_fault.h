#ifndef WEIR_HOST_CONTROL_ABI_FAULT_H_
#define WEIR_HOST_CONTROL_ABI_FAULT_H_

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

namespace weir {

// Whether `fault`, as the checks of a plugin say it ("abi.table: ...",
// "elf.note: built for ABI 2, this host speaks 1; ..."), is that the plugin and
// this host are of different ABIs: PLUGIN_ABI_MISMATCH to clients. Then it is
// to be built again, or the host to be newer, and there is no bug to look for.
inline bool IsAbiFault(absl::string_view fault) {
  for (const absl::string_view part :
       {"abi.", ", this host speaks ", "needs a host of ABI "}) {
    if (absl::StrContains(fault, part)) return true;
  }
  return false;
}

}  // namespace weir

#endif  // WEIR_HOST_CONTROL_ABI_FAULT_H_
