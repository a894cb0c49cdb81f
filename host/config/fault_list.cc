#include "host/config/fault_list.h"

#include <algorithm>

namespace weir {

std::vector<ConfigError> FaultList::Take() {
  first_ = 0;
  std::vector<ConfigError> faults = std::move(faults_);
  faults_.clear();
  std::stable_sort(faults.begin(), faults.end(),
                   [](const ConfigError& a, const ConfigError& b) {
                     return a.line < b.line;
                   });
  return faults;
}

}  // namespace weir
