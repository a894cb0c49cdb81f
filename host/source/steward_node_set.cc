#include "host/source/steward_node_set.h"

namespace weir {

void StewardNodeSet::Add(std::string source,
                         std::shared_ptr<StewardProcesses> processes) {
  MutexLock lock(&mu_);
  nodes_.emplace_back(std::move(source), std::move(processes));
}

StewardNodeControl* StewardNodeSet::Find(absl::string_view source) {
  MutexLock lock(&mu_);
  for (const auto& [name, processes] : nodes_) {
    if (name == source) return processes.get();
  }
  return nullptr;
}

std::vector<std::string> StewardNodeSet::sources() const {
  MutexLock lock(&mu_);
  std::vector<std::string> names;
  for (const auto& [name, processes] : nodes_) names.push_back(name);
  return names;
}

}  // namespace weir
