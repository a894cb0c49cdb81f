#include "host/plugin/desired_state.h"

#include <algorithm>
#include <utility>

namespace weir {

void DesiredState::Demote(Demotion demotion) {
  std::erase_if(demotions, [&demotion](const Demotion& other) {
    return other.sha256 == demotion.sha256;
  });
  demotions.push_back(std::move(demotion));
  if (demotions.size() > kMaxDemotions) demotions.erase(demotions.begin());
}

const DesiredState::Demotion* DesiredState::FindDemotion(
    absl::string_view sha256) const {
  const auto found =
      std::find_if(demotions.begin(), demotions.end(),
                   [sha256](const Demotion& d) { return d.sha256 == sha256; });
  return found == demotions.end() ? nullptr : &*found;
}

}  // namespace weir
